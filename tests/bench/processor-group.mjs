import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where Linux offers groups of processes with a share of the processors' time. */
const root1 = '/sys/fs/cgroup/cpu';
const root2 = '/sys/fs/cgroup';

/**
 * Short, so that a group is as a slower processor: with the usual 100 ms a device would be fast for a part of them and
 * then stand still for many syncs.
 */
const periodUs = 4000;

/** A group of processes that together get a part of one processor's time. It takes root. */
export class ProcessorGroup {
  #folder;

  /** @param percent of one processor */
  constructor(name, percent) {
    const isVersion1 = existsSync(`${root1}/cpu.cfs_quota_us`);
    if (!isVersion1) writeFileSync(`${root2}/cgroup.subtree_control`, '+cpu');
    this.#folder = `${isVersion1 ? root1 : root2}/hearth-bench-${process.pid}-${name}`;
    mkdirSync(this.#folder);
    const quotaUs = Math.round((periodUs * percent) / 100);
    if (isVersion1) {
      this.#write('cpu.cfs_period_us', periodUs);
      this.#write('cpu.cfs_quota_us', quotaUs);
    } else this.#write('cpu.max', `${quotaUs} ${periodUs}`);
  }

  #write(file, value) {
    writeFileSync(`${this.#folder}/${file}`, String(value));
  }

  /** @returns a command that runs another in the group */
  command(command) {
    return ['sh', '-c', `echo $$ > ${this.#folder}/cgroup.procs && exec "$@"`, 'sh', ...command];
  }

  /** When its processes have ended. */
  async close() {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (readFileSync(`${this.#folder}/cgroup.procs`, 'utf8').trim() === '') break;
      await sleep(50);
    }
    rmdirSync(this.#folder);
  }
}
