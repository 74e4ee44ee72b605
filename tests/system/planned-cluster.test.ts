import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PlanReport } from '../../coordinator/planning/plan-report.ts';
import { hearth } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { heavyShape, memoryFor, shortContext } from '../support/small-memory.ts';

let house: House;
/** Of one agent alone. */
let answer: unknown;

beforeAll(async () => {
  house = await House.build(heavyShape);
  const coordinator = await house.serve(...shortContext, '--split', '1');
  house.join('alone');
  await coordinator.says(/Ready/);
  answer = await house.answer();
  await house.killAll();
});
afterEach(() => house.killAll());
afterAll(() => house.close());

async function statesByName(): Promise<Record<string, string>> {
  return Object.fromEntries((await house.devices()).map(({ name, state }) => [name, state]));
}

/** What `/v1/cluster/plan` answers. */
interface Planned {
  readonly plan: PlanReport;
  readonly failure?: string;
  readonly error: { readonly code: string; readonly message: string };
}

async function plan(query: string): Promise<Planned & { status: number }> {
  const response = await fetch(`${house.url}/v1/cluster/plan${query}`, {
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, ...((await response.json()) as Planned) };
}

test("a small model is one device's, the other stands by, and takes over when the first is gone", async () => {
  const coordinator = await house.serve(...shortContext, '--devices', '2');
  const agents = new Map(['one', 'two'].map((name) => [name, house.join(name)]));
  await coordinator.says(/Ready/);
  expect(await house.answer()).toEqual(answer);
  const states = await statesByName();
  const [busy, spare] = Object.keys(states).sort((a, b) => states[a]!.localeCompare(states[b]!));
  expect([states[busy!], states[spare!]]).toEqual(['ready', 'stand-by']);

  const listed = await hearth('devices', '--url', house.url);
  expect(listed.stdout).toMatch(/\nPlanned: all layers on one device.* tokens\/s/);
  expect(listed.stdout).toContain(`\n${spare} stands by: `);

  await house.kill(agents.get(busy!));
  expect(await house.answer()).toEqual(answer);
  expect(await statesByName()).toEqual({ [spare!]: 'ready' });
});

test('a model that is too large for one device is divided, and the plan says what each has', async () => {
  // Processes differ by some megabytes in what they take themselves.
  const memory = await memoryFor(house, 0.75);
  // Without a disk to keep tiles on, nothing can stream.
  const tight = ['--memory', memory, '--cache', '0'];
  const coordinator = await house.serve(...shortContext);
  house.join('one', ...tight);
  await coordinator.says(/no plan was found/);
  expect((await plan('')).failure).toMatch(/takes \d+ bytes of weights/);
  house.join('two', ...tight);
  await coordinator.says(/Ready/);
  expect(await house.answer()).toEqual(answer);
  expect(await statesByName()).toEqual({ one: 'ready', two: 'ready' });
  const { plan: present, failure } = await plan('');
  expect(failure).toBeUndefined();
  expect(present.parts).toEqual([0, 1]);
});

test('a preview tells what another goal or another device would change, or what is wrong with the question', async () => {
  const coordinator = await house.serve(...shortContext);
  house.join('one');
  await coordinator.says(/Ready/);
  const { status, plan: preview } = await plan('?goal=memory&add=desktop&add=desktop');
  expect(status).toBe(200);
  expect(preview.goal).toBe('memory');
  expect(preview.devices.map(({ name }) => name)).toEqual(['one', 'desktop', 'desktop 2']);
  for (const [query, words] of [
    ['?goal=speed', /latency, throughput, memory, private/],
    ['?add=abacus', /desktop, laptop/],
    [`?${'add=phone&'.repeat(17)}`, /at most 16/],
  ] as const) {
    const answered = await plan(query);
    expect(answered.status).toBe(400);
    expect(answered.error.message).toMatch(words);
  }
  expect((await plan('?goal=private')).error).toMatchObject({ code: 'PLAN_NO_DEVICES' });
});
