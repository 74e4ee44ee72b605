import type { TileSpec } from '../tile/spec.ts';

/** What tiles are read in: a disk gives whole blocks. */
export const blockBytes = 4096;

/** Neurons [first, end) of a tile, whose records are read at once. */
export interface RecordRun {
  readonly first: number;
  readonly end: number;
}

/**
 * Runs of records that hold all wanted ones. Two are one where reading on over what lies between costs no more than a read of
 * its own; where so many are wanted that all at once costs no more, that is what is read.
 * @param wanted for each neuron whether it is, anything but 0
 * @param seekBytes what a read costs beside its bytes, in bytes that could be read on meanwhile
 */
export function recordRuns(
  wanted: Uint8Array,
  { count, records }: Pick<TileSpec, 'count' | 'records'>,
  seekBytes: number,
): RecordRun[] {
  const { stride } = records!;
  const runs: { first: number; end: number }[] = [];
  for (let neuron = 0; neuron < count; neuron += 1) {
    if (!wanted[neuron]) continue;
    const last = runs.at(-1);
    if (last && (neuron - last.end) * stride <= seekBytes) last.end = neuron + 1;
    else runs.push({ first: neuron, end: neuron + 1 });
  }
  const cost = runs.reduce((sum, { first, end }) => sum + (end - first) * stride + blockBytes + seekBytes, 0);
  return cost < wholeCost(count, stride, seekBytes) ? runs : [{ first: 0, end: count }];
}

/**
 * What reading the records of a tile costs for a token, in bytes that could be read on meanwhile: of neurons that fire by
 * chance and as often as each other.
 */
export function expectedCost({ count, records, firing }: TileSpec, seekBytes: number): number {
  const { stride } = records!;
  const share = firing! / count;
  const most = Math.floor(seekBytes / stride);
  // From one that is wanted to the next: some in between that are read too, or a read of its own.
  let cost = 0;
  let silent = 1;
  for (let steps = 1; steps <= most; steps += 1) {
    cost += steps * stride * share * silent;
    silent *= 1 - share;
  }
  cost += silent * (seekBytes + blockBytes + stride);
  return Math.min(firing! * cost, wholeCost(count, stride, seekBytes));
}

function wholeCost(count: number, stride: number, seekBytes: number): number {
  return count * stride + blockBytes + seekBytes;
}

/** Blocks of a tile that a run lies in. */
export function blocksOf({ first, end }: RecordRun, { records }: Pick<TileSpec, 'records'>): RecordRun {
  const { byteOffset, stride } = records!;
  return {
    first: Math.floor((byteOffset + first * stride) / blockBytes),
    end: Math.ceil((byteOffset + end * stride) / blockBytes),
  };
}
