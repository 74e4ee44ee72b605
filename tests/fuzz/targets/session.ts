import { startKernels } from '../../../device-agent/node/kernel-files.ts';
import { nodeSha256 } from '../../../device-agent/node/sha256.ts';
import { kernelRanks } from '../../../device-agent/rank-host.ts';
import { Session } from '../../../device-agent/session.ts';
import { encodeControl } from '../../../runtime/protocol/control.ts';
import { FakeClock } from '../../cluster/fake-clock.ts';
import { sessionOptions, welcome } from '../../cluster/test-cluster.ts';
import { samples } from '../../protocol/samples.ts';
import { noSources } from '../../support/rank-host.ts';
import { packSequence, sequenceMutator, unpackSequence } from '../sequence.ts';
import type { Target } from '../target.ts';
import { mutateFrame } from './frame.ts';
import { oneEnd } from './one-end.ts';
import { recorded } from './recorded.ts';

/** What a coordinator says to a device that computes with the kernels: it ends its session, or goes on. */
export async function sessionTarget(): Promise<Target> {
  const { toDevice } = await recorded();
  const measured = samples.filter(({ type }) => ['measure', 'burstWanted', 'burst', 'ping'].includes(type));
  const sources = { ...noSources, sha256: nodeSha256 };
  const createRank = kernelRanks({ startKernels, sources, memoryBytes: 64 << 20 });
  return {
    seeds: [packSequence(toDevice), packSequence([encodeControl(welcome), ...measured.map(encodeControl)])],
    mutate: sequenceMutator(mutateFrame),
    read: async (input) => {
      const link = oneEnd();
      const session = new Session(link, sessionOptions('fuzzed', { clock: new FakeClock(), createRank }));
      for (const frame of unpackSequence(input)) {
        link.onFrame(frame);
        for (let turns = 0; turns < 4; turns += 1) await Promise.resolve();
      }
      const { state } = session;
      session.close();
      const { error } = await session.ended;
      if (error) throw error;
      return `${state} after ${Math.min(20, link.sent.length)} frames`;
    },
  };
}
