import { expect, test } from 'vitest';
import type { ComputingRank, RankHost } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { RankRunner } from '../../device-agent/rank-runner.ts';
import type { StepEvent } from '../../runtime/decoder/step.ts';
import { decodeFrame, defaultFrameLimits } from '../../runtime/protocol/frame.ts';
import { encodeStep } from '../../runtime/protocol/step-frame.ts';
import { FakeClock, settle } from '../cluster/fake-clock.ts';
import { fakeAssignment, fakeModel, fakeRankOptions } from '../cluster/fake-model.ts';

const { description, tiles } = fakeModel();

/** A rank whose every step waits for a GPU, which the test lets end. */
function waitingRunner() {
  const log: string[] = [];
  const release: (() => void)[] = [];
  function* step({ stepId }: { stepId: number }): Generator<StepEvent, [], void> {
    log.push(`step ${stepId} waits`);
    try {
      yield { kind: 'awaitTiles', ready: new Promise<void>((resolve) => release.push(resolve)) };
      log.push(`step ${stepId} goes on`);
    } finally {
      log.push(`step ${stepId} ends`);
    }
    return [];
  }
  const rank = { step, kvTileIds: [] } as unknown as ComputingRank;
  const host = { rank, memory: () => ({}) } as unknown as RankHost;
  const ids = tiles.map(({ id }) => id);
  const runner = new RankRunner(
    host,
    {
      type: 'configure',
      configurationId: 1,
      description,
      assignment: fakeAssignment(1, ids),
      options: fakeRankOptions,
      tileHashes: new Uint8Array(32 * ids.length),
      profile: false,
      copiesKv: false,
    },
    {
      frame: () => {},
      control: () => {},
      lost: (error) => expect(error).toBeUndefined(),
      failed: (error) => expect(error).toBeUndefined(),
    },
    { clock: new FakeClock(), logger: silentLogger },
  );
  const begin = (stepId: number) => {
    const header = { stepId, sequences: [{ slot: 0, start: 0, count: 1, logits: 'none' }] } as const;
    runner.begin(
      decodeFrame(encodeStep(header, new Float32Array(description.config.hiddenSize)), defaultFrameLimits),
    );
  };
  return { runner, begin, release, log };
}

test('a step goes on when its GPU has ended, and not before', async () => {
  const { begin, release, log } = waitingRunner();
  begin(0);
  await settle();
  expect(log).toEqual(['step 0 waits']);
  release[0]!();
  await settle();
  expect(log).toEqual(['step 0 waits', 'step 0 goes on', 'step 0 ends']);
});

test('a step that was given up does not go on when its GPU ends', async () => {
  const { runner, begin, release, log } = waitingRunner();
  begin(0);
  runner.abandon();
  begin(1);
  release[0]!();
  await settle();
  expect(log).toEqual(['step 0 waits', 'step 0 ends', 'step 1 waits']);
  release[1]!();
  await settle();
  expect(log.slice(3)).toEqual(['step 1 goes on', 'step 1 ends']);
});
