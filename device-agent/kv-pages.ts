import type { StepHeader } from '../runtime/decoder/step.ts';
import { pagePositions } from '../runtime/kernels/kv-page.ts';
import type { Frame } from '../runtime/protocol/frame.ts';
import { decodeKvPage, encodeKvPage } from '../runtime/protocol/kv-frame.ts';
import type { ComputingRank } from './create-rank.ts';

/** Frames of the pages of KV that a step has filled, for whoever keeps copies. */
export function* filledKvPages(
  rank: ComputingRank,
  { stepId, sequences }: StepHeader,
): Generator<Uint8Array> {
  for (const { slot, start, count } of sequences) {
    const end = Math.floor((start + count) / pagePositions);
    for (let page = Math.floor(start / pagePositions); page < end; page += 1)
      for (const tileId of rank.kvTileIds)
        yield encodeKvPage(stepId, { slot, page, tileId, heads: rank.kvPage(slot, page, tileId) });
  }
}

/** Takes a page of KV that was computed elsewhere. @throws HearthError FRAME_MALFORMED, as `restoreKvPage` */
export function restoreKvPage(rank: ComputingRank, frame: Frame): void {
  const { slot, page, tileId, heads } = decodeKvPage(frame);
  rank.restoreKvPage(slot, page, tileId, heads[0]!);
}
