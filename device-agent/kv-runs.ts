import type { StepHeader } from '../runtime/decoder/step.ts';
import { runPositions } from '../runtime/kernels/kv-page.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import { decodeKvRun, encodeKvRun } from '../runtime/protocol/kv-frame.ts';
import type { ComputingRank } from './create-rank.ts';

/** Frames of the runs of KV that a step has filled, for whoever keeps copies. */
export function* filledKvRuns(rank: ComputingRank, { stepId, sequences }: StepHeader): Generator<Uint8Array> {
  for (const { slot, start, count } of sequences) {
    const end = Math.floor((start + count) / runPositions);
    for (let run = Math.floor(start / runPositions); run < end; run += 1)
      for (const tileId of rank.kvTileIds)
        yield encodeKvRun(stepId, { slot, run, tileId, heads: rank.kvRun(slot, run, tileId) });
  }
}

/** Takes a run of KV that was computed elsewhere. @throws HearthError FRAME_MALFORMED, as `restoreKvRun` */
export function restoreKvRun(rank: ComputingRank, frame: Frame): void {
  const { slot, run, tileId, heads } = decodeKvRun(frame);
  rank.restoreKvRun(slot, run, tileId, heads[0]!);
}
