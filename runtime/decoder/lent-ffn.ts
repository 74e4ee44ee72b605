import type { LayerTiles } from '../gpu/ffn/ffn-layers.ts';
import type { Arena } from '../kernels/arena.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { Stage } from './stage.ts';

/** FFN tiles of a layer, copied out of a stage's memory: a GPU does not everywhere take memory that threads share. */
export function layerTilesOf(
  stage: Stage,
  arena: Arena,
  layer: number,
  specs: readonly TileSpec[],
): LayerTiles {
  const { ffn, tiles } = stage;
  const { limit, predictor } = ffn.choice(layer);
  const matrix = predictor && {
    format: predictor.format,
    rank: predictor.rows,
    bytes: arena.u8(predictor.pointer, predictor.byteLength).slice(),
  };
  return {
    tiles: specs.map((spec) => ({ spec, bytes: tiles.slot(spec.id)!.slice() })),
    tileCount: ffn.tileCount(layer),
    choice: { limit, predictor: matrix },
  };
}
