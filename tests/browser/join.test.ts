import { afterEach, beforeEach, expect, it } from 'vitest';
import { hearth } from '../support/hearth-process.ts';
import { chromiumOrReason } from './chromium.ts';
import { JoinBench, lanAddress, secret } from './join-bench.ts';

const chromium = chromiumOrReason();
const question = 'How do I use a real model?';
let bench: JoinBench;

beforeEach(async (context) => {
  if ('reason' in chromium) return context.skip(chromium.reason);
  bench = await JoinBench.open(chromium.path);
});
afterEach(async () => {
  await bench?.close();
});

it('two tabs and a process answer together what one process answers alone', async () => {
  const alone = JSON.parse((await hearth('run', 'built-in', question, '--json')).stdout) as { text: string };
  await bench.serve('--split', '1,1,1');
  const context = await bench.context();
  await bench.tab(context, lanAddress);
  await bench.tab(context, 'localhost');
  bench.start(['join', bench.api, '--secret', secret, '--name', 'process', '--threads', '1']);
  await bench.coordinator.says(/Ready/);
  const devices = await bench.devices();
  expect(devices.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  expect(await bench.ask(question)).toBe(alone.text);
  expect(bench.strangers).toEqual([]);
  expect(bench.errors).toEqual([]);
});
