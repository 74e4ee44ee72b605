import { afterEach, expect, it } from 'vitest';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import { Pauses } from '../../coordinator/cluster/pauses.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { joinDevice, testCluster } from './test-cluster.ts';

const step: StepInput = { slot: 0, start: 0, count: 2, logits: 'all', tokens: [4, 5] };
let cluster: Cluster;
let pauses: Pauses;

afterEach(() => cluster.close());

async function join(name: string) {
  const device = await joinDevice(cluster, name);
  pauses.watch(cluster.members.at(-1)!);
  return device;
}

const states = () => cluster.deviceStates().map(({ state, paused }) => [state, paused]);

it('a paused device is left out until it is resumed, and answers stay the same', async () => {
  [cluster, pauses] = [testCluster(), new Pauses()];
  await join('first');
  await join('second');
  await cluster.whenReady();
  const rows = await cluster.step([step]);
  expect(pauses.set('second', true)).toBe(true);
  await expect.poll(states).toEqual([
    ['ready', false],
    ['stand-by', true],
  ]);
  cluster.release(0);
  expect(await cluster.step([step])).toEqual(rows);
  expect(cluster.deviceStates()[1]?.reason).toBe('paused on the coordinator');
  expect(pauses.set('second', false)).toBe(true);
  await expect.poll(states).toEqual([
    ['ready', false],
    ['ready', false],
  ]);
});

it('who goes and comes back is still paused, under its name alone', async () => {
  [cluster, pauses] = [testCluster(), new Pauses()];
  const { link } = await join('first');
  pauses.set('first', true);
  link.close(1000, 'it leaves');
  await expect.poll(states).toEqual([]);
  await join('first');
  await join('second');
  expect(states().map(([, paused]) => paused)).toEqual([true, false]);
  // Nobody of that name is here, or was ever paused.
  expect(pauses.set('third', true)).toBe(false);
});
