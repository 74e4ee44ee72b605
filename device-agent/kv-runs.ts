import type { StepHeader } from '../runtime/decoder/step.ts';
import { pageRuns, runPositions } from '../runtime/kernels/kv-page.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import { decodeKvRuns, encodeKvRuns } from '../runtime/protocol/kv-frame.ts';
import type { ComputingRank } from './create-rank.ts';

/** Frames of the runs of KV that a step has filled, for whoever keeps copies. */
export function* filledKvRuns(rank: ComputingRank, { stepId, sequences }: StepHeader): Generator<Uint8Array> {
  for (const { slot, start, count } of sequences) {
    const end = Math.floor((start + count) / runPositions);
    let run = Math.floor(start / runPositions);
    while (run < end) {
      const next = Math.min(end, (Math.floor(run / pageRuns) + 1) * pageRuns);
      const runs = Array.from({ length: next - run }, (_, i) => run + i);
      for (const tileId of rank.kvTileIds) {
        const heads = runs.flatMap((one) => rank.kvRun(slot, one, tileId));
        yield encodeKvRuns(stepId, { slot, run, tileId, heads });
      }
      run = next;
    }
  }
}

/** Takes runs of KV that were computed elsewhere. @throws HearthError FRAME_MALFORMED, as `restoreKvRuns` */
export function restoreKvRuns(rank: ComputingRank, frame: Frame): void {
  const { slot, run, tileId, heads } = decodeKvRuns(frame);
  rank.restoreKvRuns(slot, run, tileId, heads[0]!);
}
