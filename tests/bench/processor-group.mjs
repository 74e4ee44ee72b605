import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { inFolder, removeFolder } from './group-folder.mjs';

/** Where Linux offers groups of processes with a share of the processors' time. */
const root1 = '/sys/fs/cgroup/cpu';
const root2 = '/sys/fs/cgroup';

/**
 * Short, so that a group is as a slower processor: with the usual 100 ms a device would be fast for a part of them and
 * then stand still for many syncs.
 */
const usualPeriodUs = 5000;

/** A group of processes that together get a part of one processor's time. It takes root. */
export class ProcessorGroup {
  #folder;

  /** @param percent of one processor @param periodUs in which it gets them; 1000 of them at least */
  constructor(name, percent, periodUs = usualPeriodUs) {
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
    return inFolder(this.#folder, command);
  }

  /** When its processes have ended. */
  close() {
    return removeFolder(this.#folder);
  }
}
