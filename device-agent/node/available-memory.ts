import { existsSync, readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

/** Where Linux tells of groups of processes with a limit of their own: containers, services, users. */
const groupRoots = { v1: '/sys/fs/cgroup/memory', v2: '/sys/fs/cgroup' };

/** Of the machine's memory, left to whoever needs some next. */
const othersShare = 1 / 16;

/**
 * Bytes that this process could take more than it has, without the system having to swap or to kill: what is free or
 * holds nothing but copies of files, on the machine and in each group of processes that this one belongs to.
 */
export function availableMemory(): number {
  return Math.min(machineAvailable(), ...groupFolders().map(groupAvailable));
}

function machineAvailable(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo'))?.[1];
  if (kilobytes) return Math.max(0, Number(kilobytes) * 1024 - totalmem() * othersShare);
  // What other systems call free leaves out all that they could free at once: it is next to nothing on most.
  return Math.max(freemem(), totalmem() / 2);
}

/** This process's group, and those around it. */
function groupFolders(): string[] {
  return read('/proc/self/cgroup')
    .split('\n')
    .flatMap((line) => {
      const [, version2, version1] = /^(?:0::(.*)|\d+:memory:(.*))$/.exec(line) ?? [];
      if (version1 !== undefined) return foldersUpTo(groupRoots.v1, version1);
      return version2 !== undefined ? foldersUpTo(groupRoots.v2, version2) : [];
    });
}

/** In a container the path may be that of the host, and the root the container's own. */
function foldersUpTo(root: string, path: string): string[] {
  const folders = [root];
  for (let folder = join(root, path); folder.length > root.length; folder = dirname(folder))
    if (existsSync(folder)) folders.push(folder);
  return folders;
}

function groupAvailable(folder: string): number {
  const number = (...names: string[]) => {
    const text = names.map((name) => read(join(folder, name)).trim()).find((value) => /^\d+$/.test(value));
    return text === undefined ? undefined : Number(text);
  };
  const limit = number('memory.max', 'memory.limit_in_bytes');
  const used = number('memory.current', 'memory.usage_in_bytes');
  if (limit === undefined || used === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, limit - used + copiesOfFiles(read(join(folder, 'memory.stat'))));
}

/** What the group uses that the system gives back by itself. */
function copiesOfFiles(statistics: string): number {
  const of = (name: string) => {
    const [, whole] = new RegExp(`^total_${name} (\\d+)$`, 'm').exec(statistics) ?? [];
    const [, own] = new RegExp(`^${name} (\\d+)$`, 'm').exec(statistics) ?? [];
    return Number(whole ?? own ?? 0);
  };
  return of('active_file') + of('inactive_file');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
