import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { availableMemory } from '../../device-agent/node/available-memory.ts';
import { memoryBudget } from '../../device-agent/node/memory-budget.ts';

/** A group of processes that may take so much, if one can be made. @returns its folder */
function memoryGroup(bytes: number): string | undefined {
  for (const [folder, limit] of [
    ['/sys/fs/cgroup/memory/hearth-test', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup/hearth-test', 'memory.max'],
  ] as const) {
    try {
      mkdirSync(folder);
      onTestFinished(() => rmdirSync(folder));
      writeFileSync(`${folder}/${limit}`, String(bytes));
      return folder;
    } catch {
      // Not this version of control groups, or not allowed.
    }
  }
  return undefined;
}

describe('memory that is available', () => {
  test('is less than the machine has, and more than nothing', () => {
    expect(availableMemory()).toBeGreaterThan(16e6);
    expect(availableMemory()).toBeLessThan(totalmem());
  });

  test('is what is left to the group of processes', (context) => {
    const group = memoryGroup(300e6);
    if (!group) {
      console.log('skipped: no control group can be made here, which takes root');
      return context.skip();
    }
    const entry = fileURLToPath(new URL('../../device-agent/node/available-memory.ts', import.meta.url));
    const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, write: false, platform: 'node' });
    const code = `${outputFiles[0]!.text}\nconsole.log(availableMemory());`;
    const script = `echo $$ > ${group}/cgroup.procs && exec "${process.execPath}" -`;
    const printed = Number(execFileSync('sh', ['-c', script], { input: code, encoding: 'utf8' }));
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
