import type { Assignment } from '../../runtime/plan/plan.ts';
import type { TileKind, TileSpec } from '../../runtime/tile/spec.ts';

/** What of one rank's part of a step is computed a second time: tiles whose results come together. */
export interface Spot {
  readonly rank: number;
  readonly kind: Exclude<TileKind, 'base'>;
  /** −1 for the vocabulary. */
  readonly layer: number;
  readonly tiles: readonly TileSpec[];
}

/** So that a spot of the vocabulary weighs about as much as one of a layer. */
const vocabularyTiles = 8;

/** A rank adds up its tiles of a layer and kind: these are one spot. Of the vocabulary each tile shows. */
export function spotsOf({ rank, tileIds }: Assignment, specs: readonly TileSpec[]): Spot[] {
  const spots: { rank: number; kind: Spot['kind']; layer: number; tiles: TileSpec[] }[] = [];
  for (const id of tileIds) {
    const tile = specs[id]!;
    const { kind, layer } = tile;
    if (kind === 'base') continue;
    const last = spots.findLast((spot) => spot.kind === kind && spot.layer === layer);
    const isFull = kind === 'vocabulary' && last?.tiles.length === vocabularyTiles;
    if (last && !isFull) last.tiles.push(tile);
    else spots.push({ rank, kind, layer, tiles: [tile] });
  }
  return spots;
}

/** At which its sums are added to others'; the syncs of the model for the vocabulary, which comes after all. */
export function syncOf({ kind, layer }: Spot, layerCount: number): number {
  if (kind === 'vocabulary') return 2 * layerCount;
  return kind === 'attention' ? 2 * layer : 2 * layer + 1;
}

/** As people are told of it. */
export function spotInWords({ kind, layer, tiles }: Spot): string {
  const [first, last] = [tiles[0]!.id, tiles.at(-1)!.id];
  const ids = first === last ? `tile ${first}` : `tiles ${first} to ${last}`;
  const what = { attention: 'attention', ffn: 'FFN', vocabulary: 'output head' }[kind];
  return kind === 'vocabulary' ? `the ${what} (${ids})` : `the ${what} of layer ${layer} (${ids})`;
}
