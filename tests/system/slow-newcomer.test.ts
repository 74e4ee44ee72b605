import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { DeviceState } from '../../coordinator/cluster/device-state.ts';
import { HearthProcess } from '../support/hearth-process.ts';
import { SlowLink } from '../support/slow-link.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const secret = 'a-secret-of-these-tests';
const processes: HearthProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill('SIGKILL')));
});

/** A process with a cache of its own. */
function start(folder: string, name: string, ...args: readonly string[]): HearthProcess {
  const started = new HearthProcess(args, { HEARTH_CACHE: join(folder, name) });
  processes.push(started);
  return started;
}

interface Answer {
  readonly text: string;
  /** When each of its tokens came. */
  readonly timesMs: readonly number[];
}

async function stream(base: string): Promise<Answer> {
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content: 'Go on' }],
      temperature: 0,
      max_tokens: 300,
      stream: true,
    }),
    signal: AbortSignal.timeout(60_000),
  });
  const timesMs: number[] = [];
  let text = '';
  let rest = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const { choices } = JSON.parse(line.slice(6)) as { choices: [{ delta: { content?: string } }] };
      if (!choices[0].delta.content) continue;
      text += choices[0].delta.content;
      timesMs.push(performance.now());
    }
  }
  return { text, timesMs };
}

const gaps = (timesMs: readonly number[]): number[] => timesMs.slice(1).map((time, i) => time - timesMs[i]!);

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

async function stateOf(base: string, name: string): Promise<DeviceState | undefined> {
  const response = await fetch(`${base}/v1/cluster/devices`, { signal: AbortSignal.timeout(10_000) });
  return ((await response.json()) as { devices: DeviceState[] }).devices.find(
    (device) => device.name === name,
  );
}

/** Waits until a device is in one of some states. `before` is called before each look. @returns when it is */
async function isIn(
  base: string,
  name: string,
  states: readonly DeviceState['state'][],
  before?: () => void,
): Promise<number> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    before?.();
    const device = await stateOf(base, name);
    const nowMs = performance.now();
    if (device && states.includes(device.state)) return nowMs;
    expect(nowMs, `${name} is ${device?.state}`).toBeLessThan(endMs);
    await sleep(20);
  }
}

/** A coordinator and a device beside it, ready to answer; others may join over any port that leads to it. */
async function house() {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-newcomer-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'model.gguf');
  writeFileSync(path, await syntheticModel({ layerCount: 6, contextLength: 1024 }));
  const access = ['--secret', secret] as const;
  // Whoever comes takes its half, whether or not that is of use.
  const shared = ['--split', '1,1', '--devices', '1'] as const;
  const serve = ['serve', path, '--no-local', '--port', '0', ...shared, ...access];
  const coordinator = start(folder, 'coordinator', ...serve);
  const [, base] = await coordinator.says(/API\s+(http:\S+)\/v1/);
  const enter = (port: number, name: string): HearthProcess =>
    start(folder, name, 'join', `ws://127.0.0.1:${port}`, '--threads', '1', '--name', name, ...access);
  const port = Number(new URL(base!).port);
  enter(port, 'first');
  await coordinator.says(/Ready/);
  return { base: base!, port, enter };
}

test('an answer streams on while a device on a slow network gets its tiles', async () => {
  const { base, port, enter } = await house();
  const { text } = await stream(base);
  expect(text.length).toBeGreaterThan(300);
  const before = gaps((await stream(base)).timesMs);

  const link = await SlowLink.open(port);
  link.toAgents.bytesPerSecond = 1.5e6;
  onTestFinished(() => link.close());
  enter(link.port, 'second');
  const joining = (async () => {
    const fromMs = await isIn(base, 'second', ['preparing']);
    // As of the last look but one, when it still got them: once it has all, it takes part, over its own connection.
    let [main, latest] = [0, 0];
    const toMs = await isIn(base, 'second', ['loading', 'ready'], () => {
      [main, latest] = [latest, link.deliveries[0]!.bytes];
    });
    link.toAgents.bytesPerSecond = Number.POSITIVE_INFINITY;
    await isIn(base, 'second', ['ready']);
    return { fromMs, toMs, main, tiles: link.deliveredBytes };
  })();
  let hasJoined = false;
  joining.catch(() => {}).finally(() => (hasJoined = true));
  const answers: Answer[] = [];
  while (!hasJoined) answers.push(await stream(base));
  const { fromMs, toMs, main, tiles } = await joining;

  // On their own connection, and slow enough for a pause to be seen.
  const { tileBytes } = (await stateOf(base, 'second'))!;
  expect(tiles).toBeGreaterThan(tileBytes);
  expect(main).toBeLessThan(tileBytes / 20);
  expect(toMs - fromMs).toBeGreaterThan(2_000);

  const during = answers.flatMap(({ timesMs }) =>
    gaps(timesMs.filter((time) => time > fromMs && time < toMs)),
  );
  expect(during.length).toBeGreaterThan(100);
  expect(mean(during)).toBeLessThan(3 * mean(before));
  expect(Math.max(...during)).toBeLessThan((toMs - fromMs) / 3);
  answers.push(await stream(base));
  for (const answer of answers) expect(answer.text).toBe(text);
}, 120_000);
