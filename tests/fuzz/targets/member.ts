import { admit } from '../../../coordinator/cluster/admit.ts';
import type { Cluster } from '../../../coordinator/cluster/cluster.ts';
import { type Logger, silentLogger } from '../../../device-agent/logger.ts';
import { FakeClock } from '../../cluster/fake-clock.ts';
import { joinDevice, testCluster } from '../../cluster/test-cluster.ts';
import { isRefusal } from '../outcome.ts';
import { packSequence, sequenceMutator, unpackSequence } from '../sequence.ts';
import type { Target } from '../target.ts';
import { mutateFrame } from './frame.ts';
import { oneEnd } from './one-end.ts';
import { recorded, steps } from './recorded.ts';

/** What a device says to its coordinator, while another one is honest: it is let go, or stays. */
export async function memberTarget(): Promise<Target> {
  const { toHub } = await recorded();
  return {
    seeds: [packSequence(toHub)],
    mutate: sequenceMutator(mutateFrame),
    read: async (input) => {
      const clock = new FakeClock();
      const internal: unknown[] = [];
      const cluster = testCluster({ minDevices: 2, clock, logger: noticing(internal) });
      const outcome = await joined(cluster, clock, unpackSequence(input)).finally(() => cluster.close());
      await turn();
      if (internal.length > 0) throw internal[0];
      return outcome;
    },
  };
}

/** Lets somebody join and say its frames, a turn for each, in which the honest one answers. @returns who is still here */
async function joined(cluster: Cluster, clock: FakeClock, frames: readonly Uint8Array[]): Promise<string> {
  const link = oneEnd();
  const admitted = admit(link, { linkKind: 'websocket', clock });
  // The first one decides, whatever it is.
  link.onFrame(frames[0] ?? new Uint8Array());
  cluster.add(await admitted);
  await joinDevice(cluster, 'honest', undefined, clock);
  const stepping = play(cluster);
  for (const frame of frames.slice(1)) {
    await turn();
    if (!link.isClosed) link.onFrame(frame);
  }
  await turn();
  const states = cluster
    .deviceStates()
    .map(({ name, state }) => (name === 'honest' ? state : `other ${state}`));
  cluster.close();
  await stepping;
  return states.join();
}

async function play(cluster: Cluster): Promise<void> {
  try {
    for (const step of steps) await cluster.step(step);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Errors that nobody's input should cause. */
function noticing(internal: unknown[]): Logger {
  const notice = (fields: { readonly error?: unknown }): void => {
    const { error } = fields;
    if (error !== undefined && !isRefusal(error)) internal.push(error);
  };
  return { ...silentLogger, warn: notice, error: notice };
}
