import { assert, HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { tileSpecs } from '../tile/spec.ts';
import { TileStore } from '../weights/tile-store.ts';
import { Activations } from './activations.ts';
import { AttentionLayer } from './attention-layer.ts';
import { type Batch, layOut } from './batch.ts';
import { FfnLayer } from './ffn-layer.ts';
import { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import type { LogitPart, PartialSum, StepHeader } from './step.ts';
import { VocabularyHead } from './vocabulary-head.ts';

/**
 * What one rank computes: its tiles' part of every layer of a step. It knows neither clock nor network. `step`
 * yields its partial sums at each sync and goes on with their total; all ranks hold the same residual.
 */
export class Rank {
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #options: RankOptions;
  readonly #description: ModelDescription;
  readonly #tiles: TileStore;
  readonly #residual: number;
  readonly #input: Activations;
  readonly #sums: PartialSums;
  readonly #attention: AttentionLayer;
  readonly #ffn: FfnLayer;
  readonly #head: VocabularyHead;

  /**
   * Allocates all memory that the rank will ever need.
   * @throws HearthError MEMORY_EXHAUSTED with the numbers
   */
  constructor(
    kernels: Kernels,
    arena: Arena,
    description: ModelDescription,
    assignment: Assignment,
    options: RankOptions,
  ) {
    const { hiddenSize } = description.config;
    const { maxStepTokens } = options;
    const specs = tileSpecs(description);
    this.#kernels = kernels;
    this.#arena = arena;
    this.#options = options;
    this.#description = description;
    this.#tiles = new TileStore(
      arena,
      assignment.tileIds.map((id) => specs[id]!),
    );
    this.#residual = arena.alloc(maxStepTokens * hiddenSize * 4);
    this.#input = new Activations(kernels, arena, maxStepTokens, hiddenSize);
    this.#sums = new PartialSums(kernels, arena, maxStepTokens, hiddenSize);
    this.#attention = new AttentionLayer(kernels, arena, description, specs, this.#tiles, options);
    this.#ffn = new FfnLayer(kernels, arena, description.config.layerCount, specs, this.#tiles, options);
    this.#head = new VocabularyHead(arena, this.#tiles, options);
  }

  /** Tiles of the assignment that have not been loaded yet. */
  get missingTileIds(): readonly number[] {
    return this.#tiles.missingIds;
  }

  /** @throws HearthError TILE_CORRUPT if the bytes cannot be this tile's */
  loadTile(id: number, bytes: Uint8Array): void {
    this.#tiles.load(id, bytes);
  }

  /** Forgets a sequence and frees its pages. */
  release(slot: number): void {
    this.#attention.cache.release(slot);
  }

  /**
   * Computes one step. Once per sync it yields this rank's partial sums; resume it when their views hold the sum
   * over all ranks. A step that is abandoned leaves nothing behind that a later one could see.
   * @param embeddings float32 [tokens, hiddenSize]
   * @returns this rank's part of the wanted logits
   */
  *step(header: StepHeader, embeddings: Float32Array): Generator<PartialSum, LogitPart[], void> {
    assert(this.missingTileIds.length === 0, 'all tiles are loaded');
    const batch = this.#begin(header, embeddings);
    const { layerCount } = this.#description.config;
    for (let layer = 0; layer < layerCount; layer += 1) {
      yield* this.#sublayer(
        batch,
        this.#tiles.baseVector('attentionNorm', layer),
        2 * layer,
        this.#attention,
      );
      yield* this.#sublayer(batch, this.#tiles.baseVector('ffnNorm', layer), 2 * layer + 1, this.#ffn);
    }
    return this.#logits(batch);
  }

  #begin(header: StepHeader, embeddings: Float32Array): Batch {
    const batch = layOut(header, this.#options);
    const values = batch.tokens.length * this.#description.config.hiddenSize;
    if (embeddings.length !== values) {
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `a step of ${batch.tokens.length} tokens came with ${embeddings.length} values, expected ${values}`,
      );
    }
    this.#arena.f32(this.#residual, values).set(embeddings);
    this.#attention.begin(header, batch);
    return batch;
  }

  /** Norm, the tiles' products, sync, residual: the same around attention and FFN. */
  *#sublayer(
    batch: Batch,
    norm: number,
    syncIndex: number,
    part: AttentionLayer | FfnLayer,
  ): Generator<PartialSum, void, void> {
    const tokens = batch.tokens.length;
    const { hiddenSize, normEpsilon } = this.#description.config;
    const { pointer } = this.#input;
    this.#kernels.rmsNorm(this.#residual, norm, pointer, hiddenSize, tokens, normEpsilon, this.#sums.scales);
    this.#input.replaced(tokens, hiddenSize);
    this.#sums.begin(tokens);
    part.compute(syncIndex >> 1, batch, this.#input, this.#sums);
    const sum = this.#sums.finish(tokens, syncIndex);
    yield sum;
    this.#sums.apply(this.#residual, tokens, sum);
  }

  /** Final norm of the wanted tokens, gathered to the front, then this rank's vocabulary tiles. */
  #logits({ logitTokens }: Batch): LogitPart[] {
    const { hiddenSize, normEpsilon } = this.#description.config;
    if (logitTokens.length === 0) return [];
    const norm = this.#tiles.baseVector('outputNorm');
    const { pointer } = this.#input;
    logitTokens.forEach((token, row) => {
      const from = this.#residual + token * hiddenSize * 4;
      const to = pointer + row * hiddenSize * 4;
      this.#kernels.rmsNorm(from, norm, to, hiddenSize, 1, normEpsilon, this.#sums.scales);
    });
    this.#input.replaced(logitTokens.length, hiddenSize);
    return this.#head.compute(logitTokens.length, this.#input);
  }
}
