import type { TileSpec } from '../../runtime/tile/spec.ts';

/** How many tiles of a kind there are side by side, and the bytes of each. */
export interface TileGroup {
  readonly count: number;
  readonly byteLength: number;
}

export interface TileModel {
  readonly layers: number;
  readonly attention: TileGroup;
  readonly ffn: TileGroup;
  readonly vocabulary?: TileGroup;
}

/** The tiles of a model, without a base tile, in the order in which models have them. */
export function modelTiles({ layers, attention, ffn, vocabulary }: TileModel): TileSpec[] {
  const group = (kind: TileSpec['kind'], layer: number, { count, byteLength }: TileGroup) =>
    Array.from({ length: count }, (_, first) => ({ kind, layer, first, count: 1, sections: [], byteLength }));
  const tiles = Array.from({ length: layers }, (_, layer) => [
    ...group('attention', layer, attention),
    ...group('ffn', layer, ffn),
  ]).flat();
  if (vocabulary) tiles.push(...group('vocabulary', -1, vocabulary));
  return tiles.map((spec, id) => ({ id, ...spec }));
}
