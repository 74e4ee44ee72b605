import { HearthError } from '../error.ts';
import type { TileSpec } from '../tile/spec.ts';
import { assignTiles } from './assign-tiles.ts';
import { tensorParallel, wholeStep } from './layouts.ts';

/** A run of layers that a rank computes, alone or with others. */
export interface Leg {
  /** Layers [firstLayer, endLayer). */
  readonly firstLayer: number;
  readonly endLayer: number;
  /** Ranks that add up their partial sums there, this one included. */
  readonly members: number;
  /** The residual comes from another rank: it is neither the embeddings nor left by the leg before. */
  readonly receives: boolean;
  /** This rank passes the residual on to those that receive it next. */
  readonly sends: boolean;
}

/** What one rank holds, and its way through a step. */
export interface Assignment {
  readonly rank: number;
  readonly worldSize: number;
  /** Ids of its tiles, ascending; the base tile is among them. */
  readonly tileIds: readonly number[];
  /** In the order of their layers. */
  readonly legs: readonly Leg[];
  /** What its part of the output head works on comes from another rank. */
  readonly receivesHead: boolean;
  /** See `Layout`; the same for all ranks. */
  readonly microBatchTokens: number;
}

/** Whether a rank computes the first layer: with a step it then gets the tokens' embeddings. */
export function takesEmbeddings({ legs }: Pick<Assignment, 'legs'>): boolean {
  return legs[0]?.firstLayer === 0;
}

/**
 * Divides each layer's tiles, and the vocabulary's, among ranks by given shares: tensor parallelism over all layers.
 * @param shares one positive number a rank, in any unit, for example `[3, 2, 1]`
 * @throws HearthError PLAN_BAD_SPLIT
 */
export function planByShares(
  tiles: readonly TileSpec[],
  shares: readonly number[],
  microBatchTokens = wholeStep,
): Assignment[] {
  checkShares(shares);
  const layerCount = 1 + Math.max(...tiles.map(({ layer }) => layer));
  return assignTiles(tiles, tensorParallel(layerCount, shares, microBatchTokens));
}

function checkShares(shares: readonly number[]): void {
  if (shares.length > 0 && shares.every((share) => Number.isFinite(share) && share > 0)) return;
  throw new HearthError(
    'PLAN_BAD_SPLIT',
    `a split is one positive number for each rank, such as 3,2,1; got ${shares.join(',') || 'nothing'}`,
    { split: shares.join(',') },
  );
}
