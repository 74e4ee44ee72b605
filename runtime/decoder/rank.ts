import type { PlaneCodec } from '../collective/plane-codec.ts';
import { assert, HearthError } from '../error.ts';
import type { ModelDescription } from '../model/description.ts';
import { type Operation, operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { alone, type SharedTeam, shareOf, type Team } from '../threads/team.ts';
import { tileSpecs } from '../tile/spec.ts';
import type { TileStore } from '../weights/tile-store.ts';
import { type Batch, checkHeader } from './batch.ts';
import type { RankOptions } from './rank-options.ts';
import { type Place, Stage } from './stage.ts';
import type { StageAssignment } from './stage-assignment.ts';
import { type LogitPart, type PartialSum, type StepHeader, tokenCount } from './step.ts';

/**
 * What one rank computes: its tiles' part of every layer of a step. It knows neither clock nor network. `step`
 * yields its partial sums at each sync and goes on with their total; all ranks hold the same residual.
 *
 * A memory holds 4 GiB at most: a rank that is larger lies in several, each of which has a run of the sublayers, a
 * stage. A step goes through them one after the other, and hands the residual on.
 *
 * A team of threads may share the work: each has a `Rank` of its own over the same memories, laid out alike. The
 * leader's is stepped; the others' follow. A thread computes some of the tiles, adds them in fixed point, and sums
 * over threads are as exact as sums over ranks.
 */
export class Rank {
  readonly #stages: readonly Stage[];
  readonly #options: RankOptions;
  readonly #hiddenSize: number;
  readonly #team: Team;
  readonly #recorder: Recorder;
  /** What a thread waits for while the leader has its sums added to others'. */
  readonly #total: Operation;
  /** Where each tile lies: the base tile in every memory, others in one. */
  readonly #holders = new Map<number, TileStore[]>();

  /**
   * Allocates all memory that the rank will ever need.
   * @param places one for each stage
   * @param stages of this rank, in order
   * @throws HearthError MEMORY_EXHAUSTED with the numbers
   */
  constructor(
    places: readonly Place[],
    description: ModelDescription,
    stages: readonly StageAssignment[],
    options: RankOptions,
    team: Team = alone,
  ) {
    const specs = tileSpecs(description);
    this.#stages = stages.map((stage, i) => new Stage(places[i]!, description, specs, stage, options, team));
    this.#options = options;
    this.#hiddenSize = description.config.hiddenSize;
    this.#team = team;
    this.#recorder = team.recorder;
    const follows = stages[0]!.worldSize > 1 && team.index > 0;
    this.#total = follows ? operations.otherRanks : operations.barrier;
    for (const { assignment, tiles } of this.#stages)
      for (const id of assignment.tileIds) this.#holders.set(id, [...(this.#holders.get(id) ?? []), tiles]);
  }

  /** Tiles of the assignment that have not been loaded yet. */
  get missingTileIds(): readonly number[] {
    return [...new Set(this.#stages.flatMap(({ tiles }) => tiles.missingIds))];
  }

  /** @throws HearthError TILE_CORRUPT if the bytes cannot be this tile's */
  loadTile(id: number, bytes: Uint8Array): void {
    for (const tiles of this.#holding(id)) tiles.load(id, bytes);
  }

  /** The place of a tile that stays in memory, for one who puts its bytes there and then calls `tileLoaded`. */
  tileSlot(id: number): Uint8Array | undefined {
    return this.#holding(id)[0]!.slot(id);
  }

  /** Whether a tile must be kept where it can be read again. */
  mayStream(id: number): boolean {
    return this.#holding(id)[0]!.mayStream(id);
  }

  tileLoaded(id: number): void {
    const [first, ...others] = this.#holding(id);
    first!.loaded(id);
    for (const tiles of others) tiles.load(id, first!.slot(id)!);
  }

  /** The tiles of each stage. */
  get stores(): readonly TileStore[] {
    return this.#stages.map(({ tiles }) => tiles);
  }

  #holding(id: number): readonly TileStore[] {
    const holders = this.#holders.get(id);
    assert(holders !== undefined, "a tile of this rank's", id);
    return holders;
  }

  /** Packs the sums of a sync, which lie in the memory of its stage. */
  codecOf(syncIndex: number): PlaneCodec {
    return this.#stages.find(({ assignment }) => syncIndex < assignment.endSublayer)!.codec;
  }

  /** Forgets a sequence and frees its pages. */
  release(slot: number): void {
    for (const { attention } of this.#stages) attention.cache.release(slot);
  }

  /**
   * Computes one step. Once per sync it yields this rank's partial sums; resume it when their views hold the sum
   * over all ranks. A step that is abandoned (by `return`) leaves nothing behind that a later one could see.
   * @param embeddings float32 [tokens, hiddenSize]
   * @returns this rank's part of the wanted logits, valid until the next step
   */
  *step(header: StepHeader, embeddings: Float32Array): Generator<PartialSum, readonly LogitPart[], void> {
    assert(this.missingTileIds.length === 0, 'all tiles are loaded');
    const batches = this.#begin(header, embeddings);
    this.#team.start();
    this.#recorder.mark(operations.open);
    let ended = false;
    try {
      const parts = yield* this.#run(batches);
      ended = true;
      return parts;
    } finally {
      if (!ended) {
        this.#team.abort();
        for (const { tiles } of this.#stages) tiles.abandon();
      }
    }
  }

  /** A thread that does not lead computes its part of all steps, until the team is stopped. */
  follow(team: SharedTeam): void {
    team.follow(() => {
      const part = this.#run(this.#stages.map((stage) => stage.batch()));
      this.#recorder.mark(operations.open);
      while (!part.next().done);
    });
  }

  /** @returns each stage's batch: the same tokens, in its own pages */
  #begin(header: StepHeader, embeddings: Float32Array): Batch[] {
    checkHeader(header, this.#options);
    const tokens = tokenCount(header);
    const values = tokens * this.#hiddenSize;
    if (embeddings.length !== values) {
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `a step of ${tokens} tokens came with ${embeddings.length} values, expected ${values}`,
      );
    }
    const batches = this.#stages.map((stage) => stage.begin(header));
    this.#stages[0]!.fill(embeddings);
    return batches;
  }

  /** What every thread does in a step; only the leader yields, and only its logits count. */
  *#run(batches: readonly Batch[]): Generator<PartialSum, readonly LogitPart[], void> {
    const share = shareOf(this.#team, batches[0]!.tokens.length);
    for (const [i, stage] of this.#stages.entries()) {
      // Of the tokens whose residual this thread has summed up: no other need have come so far.
      if (i > 0) stage.takeOver(this.#stages[i - 1]!, ...share);
      const { firstSublayer, endSublayer } = stage.assignment;
      for (let sublayer = firstSublayer; sublayer < endSublayer; sublayer += 1)
        yield* this.#sublayer(stage, sublayer, batches[i]!);
    }
    return this.#logits(this.#stages.at(-1)!, batches.at(-1)!);
  }

  /** Norm, the tiles' products, sync, residual: the same around attention and FFN. */
  *#sublayer(stage: Stage, syncIndex: number, batch: Batch): Generator<PartialSum, void, void> {
    const team = this.#team;
    const recorder = this.#recorder;
    const { sums } = stage;
    const tokens = batch.tokens.length;
    const [first, end] = shareOf(team, tokens);
    const layer = syncIndex >> 1;
    const [role, part] =
      syncIndex % 2 === 0 ? (['attentionNorm', stage.attention] as const) : (['ffnNorm', stage.ffn] as const);
    const norm = stage.tiles.baseVector(role, layer);
    const inputs = part.inputs(layer);
    for (let token = first; token < end; token += 1) stage.prepare(norm, token, token, inputs);
    team.barrier();
    sums.begin(tokens);
    recorder.mark(operations.addPartial);
    part.compute(layer, batch, stage.input, sums);
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
    stage.apply(first, end);
  }

  /** Final norm of the wanted tokens, gathered to the front, then the vocabulary tiles; in rounds. */
  #logits(stage: Stage, { logitTokens }: Batch): readonly LogitPart[] {
    const team = this.#team;
    const recorder = this.#recorder;
    const { head } = stage;
    const norm = stage.tiles.baseVector('outputNorm');
    const parts = team.index === 0 ? head.emptyParts(logitTokens.length) : [];
    for (let round = 0; round < logitTokens.length; round += head.tokensPerRound) {
      const tokens = logitTokens.slice(round, round + head.tokensPerRound);
      // The residual's last rows are another thread's, and a round's input is read until its logits are collected.
      team.barrier();
      const [first, end] = shareOf(team, tokens.length);
      const inputs = head.inputs();
      for (let row = first; row < end; row += 1) stage.prepare(norm, tokens[row]!, row, inputs);
      team.barrier();
      head.compute(tokens.length, stage.input);
      recorder.mark(operations.vocabulary);
      team.barrier();
      if (team.index === 0) head.collect(parts, round, tokens.length);
      recorder.mark(operations.logits);
    }
    return parts;
  }
}
