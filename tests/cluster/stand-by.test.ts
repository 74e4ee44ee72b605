import { afterEach, expect, it } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import { Session } from '../../device-agent/session.ts';
import { StandBySwitch } from '../../device-agent/stand-by-switch.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { memoryLinkPair } from './memory-link.ts';
import { joinDevice, sessionOptions, testCluster } from './test-cluster.ts';

const step: StepInput = { slot: 0, start: 0, count: 2, logits: 'all', tokens: [4, 5] };
let cluster: Cluster;

afterEach(() => cluster.close());

async function joinIdle(name: string, standBy: StandBySwitch): Promise<void> {
  const [hubLink, link] = memoryLinkPair();
  new Session(link, sessionOptions(name, { standBy }));
  cluster.add(await admit(hubLink, { linkKind: 'websocket' }));
}

const states = () => cluster.deviceStates().map(({ state, reason }) => [state, reason]);

it('a device that is to stand by is left out until it is not any more, and answers stay the same', async () => {
  const standBy = new StandBySwitch();
  cluster = testCluster();
  await joinDevice(cluster, 'first');
  await joinIdle('second', standBy);
  await cluster.whenReady();
  const rows = await cluster.step([step]);
  expect(states()).toEqual([
    ['ready', undefined],
    ['ready', undefined],
  ]);

  standBy.set('its page is hidden');
  await expect.poll(states).toEqual([
    ['ready', undefined],
    ['stand-by', 'its page is hidden'],
  ]);
  cluster.release(0);
  expect(await cluster.step([step])).toEqual(rows);

  standBy.set('');
  await expect.poll(states).toEqual([
    ['ready', undefined],
    ['ready', undefined],
  ]);
  expect(cluster.state).toBe('ready');
  cluster.release(0);
  expect(await cluster.step([step])).toEqual(rows);
});

it('who stands by from the beginning is not waited for, and named if nobody else is there', async () => {
  const standBy = new StandBySwitch();
  standBy.set('paused');
  cluster = testCluster({ deviceWaitMs: 100 });
  await joinIdle('only', standBy);
  await expect(cluster.step([step])).rejects.toThrow('"only" stands by (paused)');
  const waiting = cluster.whenReady(5_000);
  standBy.set('');
  await waiting;
  expect(await cluster.step([step])).toHaveLength(2);
});
