import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDevices } from '../../runtime/plan/read-devices.ts';
import { hearth } from '../support/hearth-process.ts';
import { root } from '../tidy/source-tree.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function deviceFile(text: string): string {
  const file = join(folder, 'devices.json');
  writeFileSync(file, text);
  return file;
}

/** What docs/planning.md shows. */
const [, example] = /```json\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/planning.md'), 'utf8'))!;

describe('hearth plan', () => {
  test('plans for this device and typical ones, and marks what it assumes', async () => {
    const { stdout, stderr, code } = await hearth('plan', 'built-in', '--add', 'phone', '--add', 'phone');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^hearth-ember\.gguf: all layers on one device: \d+ tokens\/s/);
    expect(stdout).toMatch(/^phone stands by: .*tokens\/s/m);
    expect(stdout).toMatch(/^phone 2 stands by: /m);
    expect(stdout).toMatch(/^assumed: of this device, how fast it reads weights was measured just now/m);
    expect(stdout).toMatch(/^assumed: phone 2 is a typical one/m);
  });

  test('plans for the devices of a file alone, as JSON', async () => {
    const file = deviceFile(example!);
    const { stdout, stderr, code } = await hearth(
      'plan',
      'built-in',
      '--devices',
      file,
      '--json',
      '--context',
      '128',
    );
    expect(code, stderr).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan.devices.map(({ name }: { name: string }) => name)).toEqual(
      readDevices(JSON.parse(example!)).map(({ name }) => name),
    );
    expect(plan).toMatchObject({
      contextLength: 128,
      goal: 'latency',
      usage: { promptTokens: 64 },
      assumptions: [],
    });
    expect(plan.layout.stages.at(-1).endLayer).toBeGreaterThan(0);
    expect(plan.prediction.tpotMs).toBeGreaterThan(0);
    expect(plan.explanation.standBy).toHaveLength(plan.standBy.length);
  });

  test('plays what it has planned, the same every time', async () => {
    const file = deviceFile(example!);
    const runs = await Promise.all(
      [1, 2].map(() => hearth('plan', 'built-in', '--devices', file, '--simulate', '--json')),
    );
    const [first, second] = runs.map(({ stdout }) => JSON.parse(stdout).simulation);
    expect(first).toEqual(second);
    expect(first.tpotMs).toHaveLength(32);
    expect(new Set(first.tpotMs).size).toBeGreaterThan(1);
    const words = await hearth('plan', 'built-in', '--devices', file, '--simulate');
    expect(words.stdout).toMatch(
      /^played: [\d.]+ tokens\/s \([\d.]+ to [\d.]+\), the first token after [\d.]+ s$/m,
    );
  });

  test.each<[string[], number, RegExp]>([
    [['--add', 'toaster'], 2, /It must be one of desktop, laptop/],
    [['--goal', 'fame'], 2, /Allowed choices are latency/],
    [['--devices', 'missing.json'], 3, /missing\.json cannot be read \(FILE_NOT_FOUND\)/],
  ])('refuses %j', async (args, expected, message) => {
    const { stderr, code } = await hearth('plan', 'built-in', ...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });

  test('refuses a file that is none, or names no device', async () => {
    const broken = await hearth('plan', 'built-in', '--devices', deviceFile('{'));
    expect(broken.stderr).toMatch(/devices\.json is no JSON \(USAGE\)/);
    expect(broken.code).toBe(2);
    const empty = await hearth('plan', 'built-in', '--devices', deviceFile('[]'));
    expect(empty.stderr).toMatch(/must be a list of 1 to 64 devices/);
    expect(empty.code).toBe(2);
  });

  test('says with numbers that nothing fits', async () => {
    const file = deviceFile(JSON.stringify([{ like: 'phone', memoryBytes: 1e6 }]));
    const { stderr, code } = await hearth('plan', 'built-in', '--devices', file);
    expect(stderr).toMatch(/takes \d+ bytes of weights .* 1 device has room for 0 .*MEMORY_EXHAUSTED/);
    expect(code).toBe(7);
  });
});
