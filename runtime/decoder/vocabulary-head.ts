import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import { vocabularyTileRows } from '../tile/spec.ts';
import type { TileStore } from '../weights/tile-store.ts';
import type { Activations } from './activations.ts';
import type { RankOptions } from './rank-options.ts';
import type { LogitPart } from './step.ts';

/** A rank's rows of the output head. */
export class VocabularyHead {
  readonly #arena: Arena;
  readonly #tiles: TileStore;
  readonly #output: number;

  constructor(arena: Arena, tiles: TileStore, options: RankOptions) {
    this.#arena = arena;
    this.#tiles = tiles;
    this.#output = arena.alloc(options.maxStepTokens * vocabularyTileRows * 4);
  }

  /** @param input normed residual of the wanted tokens */
  compute(tokens: number, input: Activations): LogitPart[] {
    return this.#tiles.tiles('vocabulary').map(({ spec, sections }) => {
      const stride = paddedRowCount(spec.count);
      input.multiply(sections.get('output')!, this.#output, stride);
      const values = new Float32Array(tokens * spec.count);
      for (let token = 0; token < tokens; token += 1)
        values.set(this.#arena.f32(this.#output + token * stride * 4, spec.count), token * spec.count);
      return { firstVocabularyRow: spec.first, vocabularyRows: spec.count, values };
    });
  }
}
