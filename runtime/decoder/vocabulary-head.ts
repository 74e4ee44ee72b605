import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import type { TileStore } from '../weights/tile-store.ts';
import type { Activations } from './activations.ts';
import type { LogitPart } from './step.ts';

/** Logits that are computed between two barriers: a step that wants them of many tokens takes several rounds. */
const maxRoundBytes = 8 << 20;

/** A rank's rows of the output head. */
export class VocabularyHead {
  /** Tokens of one round. */
  readonly tokensPerRound: number;
  readonly #arena: Arena;
  readonly #tiles: TileStore;
  /** For each tile where its rows begin among all that the rank holds. */
  readonly #offsets = new Map<PlacedTile, number>();
  readonly #stride: number;
  readonly #output: number;
  #parts: readonly LogitPart[] = [];
  #partTokens = 0;

  constructor(arena: Arena, tiles: TileStore, maxStepTokens: number) {
    this.#arena = arena;
    this.#tiles = tiles;
    let rows = 0;
    for (const tile of tiles.tiles('vocabulary')) {
      this.#offsets.set(tile, rows);
      rows += paddedRowCount(tile.spec.count);
    }
    this.#stride = rows;
    const fitting = Math.floor(maxRoundBytes / (Math.max(1, rows) * 4));
    this.tokensPerRound = Math.min(maxStepTokens, Math.max(1, fitting));
    this.#output = arena.alloc(this.tokensPerRound * rows * 4);
  }

  /** Times that the tiles are used for the logits of so many tokens. */
  rounds(tokens: number): number {
    return Math.ceil(tokens / this.tokensPerRound);
  }

  /** Whether this rank has a part in the output head. */
  get isHeld(): boolean {
    return this.#stride > 0;
  }

  inputs(): readonly PlacedSection[] {
    const [tile] = this.#tiles.tiles('vocabulary');
    return tile ? [tile.sections.get('output')!] : [];
  }

  /** This thread's tiles of a round. @param input normed residual of the round's tokens */
  compute(tokens: number, input: Activations): void {
    this.#tiles.eachOwn('vocabulary', -1, (tile) => {
      const y = this.#output + this.#offsets.get(tile)! * 4;
      input.multiply(tile.sections.get('output')!, 0, tokens, y, this.#stride);
    });
  }

  /**
   * Parts for so many tokens, to be filled round by round. The same memory serves step after step while their number
   * stays, since garbage of this size stays long.
   */
  emptyParts(tokens: number): readonly LogitPart[] {
    if (this.#partTokens !== tokens) {
      this.#partTokens = tokens;
      this.#parts = this.#tiles.tiles('vocabulary').map(({ spec }) => ({
        firstVocabularyRow: spec.first,
        vocabularyRows: spec.count,
        values: new Float32Array(tokens * spec.count),
      }));
    }
    return this.#parts;
  }

  /** Copies a round's logits of all tiles to their places; `first` is the round's first token. */
  collect(parts: readonly LogitPart[], first: number, tokens: number): void {
    this.#tiles.tiles('vocabulary').forEach((tile, i) => {
      const { values, vocabularyRows } = parts[i]!;
      for (let token = 0; token < tokens; token += 1) {
        const from = this.#output + (token * this.#stride + this.#offsets.get(tile)!) * 4;
        values.set(this.#arena.f32(from, vocabularyRows), (first + token) * vocabularyRows);
      }
    });
  }
}
