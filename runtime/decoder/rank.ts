import { assert, HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { type Operation, operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import { alone, type SharedTeam, shareOf, type Team } from '../threads/team.ts';
import { tileSpecs } from '../tile/spec.ts';
import { type PlacedSection, TileStore } from '../weights/tile-store.ts';
import { Activations } from './activations.ts';
import { AttentionLayer } from './attention-layer.ts';
import { type Batch, checkHeader, layOut } from './batch.ts';
import { BatchMemory } from './batch-memory.ts';
import { FfnLayer } from './ffn-layer.ts';
import { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import { type LogitPart, type PartialSum, type StepHeader, tokenCount } from './step.ts';
import { VocabularyHead } from './vocabulary-head.ts';

/**
 * What one rank computes: its tiles' part of every layer of a step. It knows neither clock nor network. `step`
 * yields its partial sums at each sync and goes on with their total; all ranks hold the same residual.
 *
 * A team of threads may share the work: each has a `Rank` of its own over the one memory, laid out alike. The
 * leader's is stepped; the others' follow. A thread computes some of the tiles, adds them in fixed point, and sums
 * over threads are as exact as sums over ranks.
 */
export class Rank {
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #options: RankOptions;
  readonly #description: ModelDescription;
  readonly #team: Team;
  readonly #recorder: Recorder;
  /** What a thread waits for while the leader has its sums added to others'. */
  readonly #total: Operation;
  readonly #tiles: TileStore;
  readonly #batch: BatchMemory;
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
    team: Team = alone,
  ) {
    const { hiddenSize, layerCount } = description.config;
    const { maxStepTokens } = options;
    const specs = tileSpecs(description);
    const held = assignment.tileIds.map((id) => specs[id]!);
    this.#kernels = kernels;
    this.#arena = arena;
    this.#options = options;
    this.#description = description;
    this.#team = team;
    this.#recorder = team.recorder;
    const follows = assignment.worldSize > 1 && team.index > 0;
    this.#total = follows ? operations.otherRanks : operations.barrier;
    this.#tiles = new TileStore(arena, held, team);
    this.#batch = new BatchMemory(arena, maxStepTokens);
    this.#residual = arena.alloc(maxStepTokens * hiddenSize * 4);
    this.#input = new Activations(kernels, arena, perThread(arena, team), maxStepTokens, hiddenSize);
    this.#sums = new PartialSums(kernels, arena, maxStepTokens, hiddenSize, team);
    this.#attention = new AttentionLayer(
      kernels,
      arena,
      description,
      specs,
      this.#tiles,
      options,
      this.#batch,
      team,
    );
    this.#ffn = new FfnLayer(kernels, arena, layerCount, specs, this.#tiles, options, team);
    this.#head = new VocabularyHead(arena, this.#tiles, maxStepTokens);
  }

  /** Tiles of the assignment that have not been loaded yet. */
  get missingTileIds(): readonly number[] {
    return this.#tiles.missingIds;
  }

  /** @throws HearthError TILE_CORRUPT if the bytes cannot be this tile's */
  loadTile(id: number, bytes: Uint8Array): void {
    this.#tiles.load(id, bytes);
  }

  /** A tile's place in memory, for one who puts its bytes there and then calls `tileLoaded`. */
  tileSlot(id: number): Uint8Array {
    return this.#tiles.slot(id);
  }

  tileLoaded(id: number): void {
    this.#tiles.loaded(id);
  }

  /** Forgets a sequence and frees its pages. */
  release(slot: number): void {
    this.#attention.cache.release(slot);
  }

  /**
   * Computes one step. Once per sync it yields this rank's partial sums; resume it when their views hold the sum
   * over all ranks. A step that is abandoned (by `return`) leaves nothing behind that a later one could see.
   * @param embeddings float32 [tokens, hiddenSize]
   * @returns this rank's part of the wanted logits
   */
  *step(header: StepHeader, embeddings: Float32Array): Generator<PartialSum, LogitPart[], void> {
    assert(this.missingTileIds.length === 0, 'all tiles are loaded');
    const batch = this.#begin(header, embeddings);
    this.#team.start();
    this.#recorder.mark(operations.open);
    let ended = false;
    try {
      const parts = yield* this.#run(batch);
      ended = true;
      return parts;
    } finally {
      if (!ended) this.#team.abort();
    }
  }

  /** A thread that does not lead computes its part of all steps, until the team is stopped. */
  follow(team: SharedTeam): void {
    team.follow(() => {
      const part = this.#run(this.#batch.read());
      this.#recorder.mark(operations.open);
      while (!part.next().done);
    });
  }

  #begin(header: StepHeader, embeddings: Float32Array): Batch {
    checkHeader(header, this.#options);
    const tokens = tokenCount(header);
    const values = tokens * this.#description.config.hiddenSize;
    if (embeddings.length !== values) {
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `a step of ${tokens} tokens came with ${embeddings.length} values, expected ${values}`,
      );
    }
    this.#attention.begin(header);
    const batch = layOut(header, (slot, position) => this.#attention.cache.page(slot, position));
    this.#batch.write(batch);
    this.#arena.f32(this.#residual, values).set(embeddings);
    return batch;
  }

  /** What every thread does in a step; only the leader yields, and only its logits count. */
  *#run(batch: Batch): Generator<PartialSum, LogitPart[], void> {
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

  /** Norm, the tiles' products, sync, residual: the same around attention and FFN. */
  *#sublayer(
    batch: Batch,
    norm: number,
    syncIndex: number,
    part: AttentionLayer | FfnLayer,
  ): Generator<PartialSum, void, void> {
    const team = this.#team;
    const recorder = this.#recorder;
    const sums = this.#sums;
    const tokens = batch.tokens.length;
    const [first, end] = shareOf(team, tokens);
    const layer = syncIndex >> 1;
    const inputs = part.inputs(layer);
    for (let token = first; token < end; token += 1) this.#prepare(norm, token, token, inputs);
    team.barrier();
    sums.begin(tokens);
    recorder.mark(operations.addPartial);
    part.compute(layer, batch, this.#input, sums);
    sums.publish();
    team.barrier();
    sums.reduce(tokens);
    recorder.mark(operations.reduce);
    team.barrier();
    if (team.index === 0) {
      const total = sums.total(tokens, syncIndex);
      yield total;
      sums.settle(total);
    }
    team.barrier(this.#total);
    sums.apply(this.#residual, first, end);
    recorder.mark(operations.apply);
  }

  /**
   * One token's residual, normed, to row `row` of the input, in the forms that the matrices want. Token by token, so
   * that what was normed is still in the nearest cache when it is quantised.
   */
  #prepare(weight: number, token: number, row: number, matrices: readonly PlacedSection[]): void {
    const { hiddenSize, normEpsilon } = this.#description.config;
    const from = this.#residual + token * hiddenSize * 4;
    const to = this.#input.pointer + row * hiddenSize * 4;
    const scales = this.#sums.scales + row * 16;
    this.#kernels.rmsNorm(from, weight, to, hiddenSize, 1, normEpsilon, scales);
    this.#recorder.mark(operations.norm);
    this.#input.prepare(matrices, row, row + 1);
    this.#recorder.mark(operations.quantise);
  }

  /** Final norm of the wanted tokens, gathered to the front, then the vocabulary tiles; in rounds. */
  #logits({ logitTokens }: Batch): LogitPart[] {
    const team = this.#team;
    const recorder = this.#recorder;
    const head = this.#head;
    const norm = this.#tiles.baseVector('outputNorm');
    const parts = team.index === 0 ? head.emptyParts(logitTokens.length) : [];
    for (let round = 0; round < logitTokens.length; round += head.tokensPerRound) {
      const tokens = logitTokens.slice(round, round + head.tokensPerRound);
      // The residual's last rows are another thread's, and a round's input is read until its logits are collected.
      team.barrier();
      const [first, end] = shareOf(team, tokens.length);
      const inputs = head.inputs();
      for (let row = first; row < end; row += 1) this.#prepare(norm, tokens[row]!, row, inputs);
      team.barrier();
      head.compute(tokens.length, this.#input);
      recorder.mark(operations.vocabulary);
      team.barrier();
      if (team.index === 0) head.collect(parts, round, tokens.length);
      recorder.mark(operations.logits);
    }
    return parts;
  }
}
