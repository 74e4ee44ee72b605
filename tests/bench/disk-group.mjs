import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { inFolder, removeFolder } from './group-folder.mjs';

const root1 = '/sys/fs/cgroup/blkio';
const root2 = '/sys/fs/cgroup';

/** A group of processes for which the disk that a file lies on reads no faster than some rate. It takes root. */
export class DiskGroup {
  #folder;

  /** @param bytesPerSecond 0 for as fast as the disk is */
  constructor(name, path, bytesPerSecond) {
    const isVersion1 = existsSync(`${root1}/blkio.throttle.read_bps_device`);
    if (!isVersion1) writeFileSync(`${root2}/cgroup.subtree_control`, '+io');
    this.#folder = `${isVersion1 ? root1 : root2}/hearth-bench-${process.pid}-${name}-disk`;
    mkdirSync(this.#folder);
    if (bytesPerSecond === 0) return;
    const { dev } = statSync(path);
    // As the C library takes a device's number apart, without its rarer upper bits. The limit is one of whole disks.
    const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
    const disk = `${major}:${minor}`;
    if (isVersion1)
      writeFileSync(`${this.#folder}/blkio.throttle.read_bps_device`, `${disk} ${bytesPerSecond}`);
    else writeFileSync(`${this.#folder}/io.max`, `${disk} rbps=${bytesPerSecond}`);
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
