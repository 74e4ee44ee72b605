import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { groupFolders, readIf } from './process-groups.ts';

/** Of the machine's memory, left to whoever needs some next. */
const othersShare = 1 / 16;

/**
 * Bytes that this process could take more than it has, without the system having to swap or to kill: what is free or
 * holds nothing but copies of files, on the machine and in each group of processes that this one belongs to.
 */
export function availableMemory(): number {
  return Math.min(machineAvailable(), ...groupFolders('memory').map(groupAvailable));
}

function machineAvailable(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readIf('/proc/meminfo'))?.[1];
  if (kilobytes) return Math.max(0, Number(kilobytes) * 1024 - totalmem() * othersShare);
  // What other systems call free leaves out all that they could free at once: it is next to nothing on most.
  return Math.max(freemem(), totalmem() / 2);
}

function groupAvailable(folder: string): number {
  const number = (...names: string[]) => {
    const text = names.map((name) => readIf(join(folder, name))).find((value) => /^\d+$/.test(value));
    return text === undefined ? undefined : Number(text);
  };
  const limit = number('memory.max', 'memory.limit_in_bytes');
  const used = number('memory.current', 'memory.usage_in_bytes');
  if (limit === undefined || used === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, limit - used + copiesOfFiles(readIf(join(folder, 'memory.stat'))));
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
