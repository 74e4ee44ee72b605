import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inFolder, removeFolder } from './group-folder.mjs';

/** The two ways in which Linux offers groups of processes with a limit of memory. */
const version1 = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  swap: (folder, limitBytes) => [`${folder}/memory.memsw.limit_in_bytes`, limitBytes],
  peak: 'memory.max_usage_in_bytes',
  own: /^total_rss (\d+)$/m,
  // With an equal limit of memory and swap, that one is met first.
  timesFull: (folder) =>
    Math.max(...['memory.failcnt', 'memory.memsw.failcnt'].map((name) => Number(readIf(folder, name)))),
};
const version2 = {
  root: '/sys/fs/cgroup',
  limit: 'memory.max',
  swap: (folder) => [`${folder}/memory.swap.max`, 0],
  peak: 'memory.peak',
  own: /^anon (\d+)$/m,
  timesFull: (folder) => Number(/^max (\d+)$/m.exec(read(folder, 'memory.events'))[1]),
};

/** A group of processes that share so much memory, copies of files included, and no swap. It takes root. */
export class MemoryGroup {
  #version = existsSync(`${version1.root}/${version1.limit}`) ? version1 : version2;
  #folder;
  #timer;
  /** The most that was its processes' own, looked at ten times a second: copies of files go when others need room. */
  peakOwnBytes = 0;

  constructor(name, limitBytes) {
    const { root, limit, swap } = this.#version;
    if (this.#version === version2) writeFileSync(`${root}/cgroup.subtree_control`, '+memory');
    this.#folder = `${root}/hearth-bench-${process.pid}-${name}`;
    mkdirSync(this.#folder);
    const bytes = Math.floor(limitBytes);
    writeFileSync(`${this.#folder}/${limit}`, String(bytes));
    const [swapFile, swapLimit] = swap(this.#folder, bytes);
    if (existsSync(swapFile)) writeFileSync(swapFile, String(swapLimit));
    this.#timer = setInterval(() => this.#look(), 100).unref();
  }

  #look() {
    const [, bytes] = this.#version.own.exec(read(this.#folder, 'memory.stat'));
    this.peakOwnBytes = Math.max(this.peakOwnBytes, Number(bytes));
  }

  /** Starts a program in the group. */
  spawn(command, args, options = {}) {
    const [program, ...rest] = inFolder(this.#folder, [command, ...args]);
    return spawn(program, rest, options);
  }

  /** Runs a program in the group to its end. @returns what it said; throws if it fails */
  run(command, args, options = {}) {
    const [program, ...rest] = inFolder(this.#folder, [command, ...args]);
    return promisify(execFile)(program, rest, { maxBuffer: 1 << 26, ...options });
  }

  /** The most that the group had at once, copies of files included. */
  get peakBytes() {
    return Number(read(this.#folder, this.#version.peak));
  }

  /** How often it met its limit, so that copies of files had to go; newer kernels do not count that in version 1. */
  get timesFull() {
    return this.#version.timesFull(this.#folder);
  }

  /** When its processes have ended. */
  async close() {
    clearInterval(this.#timer);
    await removeFolder(this.#folder);
  }
}

/** Uses a group and removes it. */
export async function inGroup(name, limitBytes, use) {
  const group = new MemoryGroup(name, limitBytes);
  try {
    return await use(group);
  } finally {
    await group.close();
  }
}

/** Nothing that was read before is in memory any more. */
export async function dropCaches() {
  await promisify(execFile)('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

export function isRoot() {
  return process.platform === 'linux' && process.getuid() === 0;
}

function readIf(folder, name) {
  return existsSync(`${folder}/${name}`) ? read(folder, name) : '0';
}

function read(folder, name) {
  return readFileSync(`${folder}/${name}`, 'utf8').trim();
}
