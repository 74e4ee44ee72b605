import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { allowedProcessors } from '../../device-agent/node/allowed-processors.ts';
import { callIn, processGroup } from '../support/process-group.ts';

describe('processors that are allowed', () => {
  test('are no more than the machine has', () => {
    expect(allowedProcessors()).toBeGreaterThan(0);
    expect(allowedProcessors()).toBeLessThanOrEqual(availableParallelism());
  });

  test('are those of the group of processes', (context) => {
    const group = processGroup([
      {
        folder: '/sys/fs/cgroup/cpu/hearth-test',
        limits: { 'cpu.cfs_period_us': '20000', 'cpu.cfs_quota_us': '15000' },
      },
      { folder: '/sys/fs/cgroup/hearth-cpu-test', limits: { 'cpu.max': '15000 20000' } },
    ]);
    if (!group) {
      console.log('skipped: no control group can be made here, which takes root');
      return context.skip();
    }
    expect(callIn(group, 'device-agent/node/allowed-processors.ts', 'allowedProcessors')).toBe(0.75);
  });
});
