import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { availableMemory } from '../../device-agent/node/available-memory.ts';
import { memoryBudget } from '../../device-agent/node/memory-budget.ts';
import { callIn, processGroup } from '../support/process-group.ts';

describe('memory that is available', () => {
  test('is less than the machine has, and more than nothing', () => {
    expect(availableMemory()).toBeGreaterThan(16e6);
    expect(availableMemory()).toBeLessThan(totalmem());
  });

  test('is what is left to the group of processes', (context) => {
    const group = processGroup([
      { folder: '/sys/fs/cgroup/memory/hearth-test', limits: { 'memory.limit_in_bytes': '300000000' } },
      { folder: '/sys/fs/cgroup/hearth-test', limits: { 'memory.max': '300000000' } },
    ]);
    if (!group) {
      console.log('skipped: no control group can be made here, which takes root');
      return context.skip();
    }
    const printed = callIn(group, 'device-agent/node/available-memory.ts', 'availableMemory');
    expect(printed).toBeGreaterThan(150e6);
    expect(printed).toBeLessThan(300e6);
  });
});

test('a budget leaves room for the process itself', () => {
  const has = process.memoryUsage.rss();
  const budget = (threads: number, messageBytes = 0) => memoryBudget(has + 500e6, { threads, messageBytes });
  expect(budget(2)).toBeGreaterThan(350e6);
  expect(budget(2)).toBeLessThan(490e6);
  expect(budget(4)).toBeLessThan(budget(2) - 10e6);
  expect(budget(2, 500_000)).toBeLessThan(budget(2) - 10e6);
  expect(memoryBudget(1e6, { threads: 1 })).toBe(0);
});
