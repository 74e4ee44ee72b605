import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { groupFolders, readIf } from './process-groups.ts';

/**
 * Processors whose whole time this process may have: those of the machine, or what a container, a service or another
 * group that it belongs to is limited to, which need not be a whole number.
 */
export function allowedProcessors(): number {
  return Math.min(availableParallelism(), ...groupFolders('cpu').map(groupProcessors));
}

function groupProcessors(folder: string): number {
  const [quota, period] = readIf(join(folder, 'cpu.max')).split(' ');
  const version1 = ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((name) => readIf(join(folder, name)));
  const share = Number(quota || version1[0]) / Number(period || version1[1]);
  // `max` and -1 are no limit.
  return share > 0 ? share : Number.POSITIVE_INFINITY;
}
