import { readFileSync, writeFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { processGroup } from '../support/process-group.ts';
import { JoinBench } from './join-bench.ts';

const bench = new JoinBench();
const answerTokens = 60;

describe('a tab that lends', () => {
  it('and crashes is done without, says so when it is back, and takes less memory', () =>
    isDoneWithout(async (page, debugging) => {
      debugging.send('Page.crash').catch(() => {});
      await page.waitForEvent('crash');
    }));

  it('and is ended for want of memory is done without, says so when it is back, and takes less memory', async (context) => {
    const name = `hearth-tab-${process.pid}`;
    const group = processGroup([
      { folder: `/sys/fs/cgroup/memory/${name}`, limits: { 'memory.limit_in_bytes': '64000000' } },
      { folder: `/sys/fs/cgroup/${name}`, limits: { 'memory.max': '64000000' } },
    ]);
    if (!group) {
      console.log('skipped: no control group can be made here, which takes root');
      return context.skip();
    }
    await isDoneWithout(async (page) => {
      // What it has already counts nowhere.
      const pids = await bench.renderers();
      for (const pid of pids) writeFileSync(`${group}/cgroup.procs`, `${pid}`);
      const more = 'globalThis.more = Array.from({ length: 200 }, () => new Uint8Array(1e6).fill(1)).length';
      page.evaluate(more).catch(() => {});
      await page.waitForEvent('crash');
      const left = readFileSync(`${group}/cgroup.procs`, 'utf8').trim().split('\n');
      for (const pid of left) writeFileSync(`${group}/../cgroup.procs`, pid);
    });
  });
});

/** @param end has the browser or the system end the renderer of a page */
async function isDoneWithout(end: (page: Page, debugging: CDPSession) => Promise<void>): Promise<void> {
  await bench.serve(await bench.endlessModel(), '--split', '1,1', '--devices', '2');
  const context = await bench.context({ name: 'phone', memoryBytes: 600e6 });
  const page = await bench.tab(context, 'localhost');
  bench.agent('process');
  await bench.coordinator.says(/Ready/);
  const undisturbed = await bench.tokens(answerTokens);
  const debugging = await context.newCDPSession(page);

  let ending: Promise<void> | undefined;
  const answer = bench.tokens(answerTokens, (soFar) => {
    if (soFar > 3) ending ??= end(page, debugging);
  });
  expect(await answer).toEqual(undisturbed);
  await ending;
  await expect.poll(async () => (await bench.devices()).map(({ name }) => name)).toEqual(['process']);
  const watching = await bench.page(await bench.context(), `http://localhost:${bench.port}/devices`);
  await watching.getByText('1 device is paired, but not here').waitFor();
  expect(await watching.locator('tr[data-device="phone"]').count()).toBe(0);

  // Nothing but its debugger reaches a page after that.
  await debugging.send('Page.reload');
  const text = async () => {
    const { result } = await debugging.send('Runtime.evaluate', { expression: 'document.body.innerText' });
    return result.value as string;
  };
  await expect.poll(text).toContain('The browser ended this page');
  await expect.poll(text).toContain('This device helps');
  const { profile, memory, tiles } = (await bench.device('phone'))!;
  expect(profile!.memoryBytes).toBe(400e6);
  expect(memory!.keptTiles).toBe(tiles);
  await watching.locator('tr[data-device="phone"]').getByText('computing').waitFor();
  expect(await bench.tokens(answerTokens)).toEqual(undisturbed);
}
