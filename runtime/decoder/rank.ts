import type { PlaneCodec } from '../collective/plane-codec.ts';
import { assert, HearthError } from '../error.ts';
import type { ModelDescription } from '../model/description.ts';
import { takesEmbeddings } from '../plan/plan.ts';
import { kvRunParts, pageRuns, runPositions } from '../kernels/kv-page.ts';
import { operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { alone, type SharedTeam, type Team } from '../threads/team.ts';
import { type TileSpec, tileSpecs } from '../tile/spec.ts';
import type { TileStore } from '../weights/tile-store.ts';
import { type Batch, checkHeader } from './batch.ts';
import type { Lend } from './lending.ts';
import type { RankOptions } from './rank-options.ts';
import { RankStep } from './rank-step.ts';
import { type Place, Stage } from './stage.ts';
import type { StageAssignment } from './stage-assignment.ts';
import { type LogitPart, type StepEvent, type StepHeader, tokenCount } from './step.ts';

/**
 * What one rank computes: its tiles' part of every layer of a step. It knows neither clock nor network. `step`
 * yields what other ranks need of it and what it needs of them; all that compute a layer hold the same residual.
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
  readonly #specs: readonly TileSpec[];
  readonly #team: Team;
  readonly #recorder: Recorder;
  readonly #computation: RankStep;
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
    this.#specs = specs;
    this.#stages = stages.map((stage, i) => new Stage(places[i]!, description, specs, stage, options, team));
    this.#options = options;
    this.#hiddenSize = description.config.hiddenSize;
    this.#team = team;
    this.#recorder = team.recorder;
    this.#computation = new RankStep(this.#stages, description.config.layerCount, team);
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

  /** The leader, when all tiles are loaded: has another processor compute some from the next step on. */
  async lend(lend: Lend): Promise<void> {
    for (const stage of this.#stages) await stage.lend(lend, this.#options);
  }

  /** Tiles that another processor has, as long as it can compute them. */
  get lentTiles(): number {
    return this.#stages.reduce(
      (sum, { lent: { layers, tiles } }) => sum + (layers?.tiles ?? 0) + (tiles?.tiles ?? 0),
      0,
    );
  }

  /** The leader, at the end: what lies elsewhere is freed. */
  endLending(): void {
    for (const { lent } of this.#stages) {
      lent.layers?.close();
      lent.tiles?.close();
    }
  }

  /** Packs the sums of a sync, which lie in the memory of its stage. */
  codecOf(syncIndex: number): PlaneCodec {
    return this.#stages.find(({ assignment }) => syncIndex < assignment.endSublayer)!.codec;
  }

  /** Forgets a sequence and frees its pages. */
  release(slot: number): void {
    for (const { attention, lent } of this.#stages) {
      attention.cache.release(slot);
      lent.layers?.keep(slot, 0);
    }
  }

  /** Tiles whose KV heads this rank has. */
  get kvTileIds(): readonly number[] {
    return this.#stages.flatMap(({ attention }) => attention.tileIds);
  }

  /** A run that a sequence has filled, in each KV head of a tile, as views into memory. */
  kvRun(slot: number, run: number, tileId: number): Uint8Array[] {
    const { attention, config } = this.#attentionStage(tileId);
    const [page, inPage] = [Math.floor(run / pageRuns), run % pageRuns];
    const heads = attention.kvPage(slot, page, this.#specs[tileId]!);
    return heads.flatMap((bytes) => kvRunParts(bytes, config.headDim, this.#options.kvFormat, inPage));
  }

  /**
   * Puts back runs that were read by `kvRun` on any rank, one or more of a page; a sequence's pages come in order.
   * @param bytes run by run, of all heads of the tile
   * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for runs that have no place here; CONTEXT_FULL
   */
  restoreKvRuns(slot: number, run: number, tileId: number, bytes: Uint8Array): void {
    const { maxSequences, contextLength } = this.#options;
    const isHere = this.kvTileIds.includes(tileId) && slot < maxSequences;
    const stage = isHere ? this.#attentionStage(tileId) : undefined;
    const cache = stage?.attention.cache;
    const runBytes = cache ? (this.#specs[tileId]!.count * cache.pageBytes) / pageRuns : 1;
    const end = run + bytes.length / runBytes;
    const [page, held] = [Math.floor(run / pageRuns), cache?.pageCount(slot) ?? 0];
    const fits = end > run && Math.ceil(end / pageRuns) === page + 1 && end * runPositions <= contextLength;
    if (!cache || !Number.isInteger(end) || !fits || (page !== held && page !== held - 1))
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `run ${run} of slot ${slot} does not belong here`);
    cache.reserve(slot, end * runPositions);
    stage.lent.layers?.keep(slot, run * runPositions);
    let offset = 0;
    for (let at = run; at < end; at += 1)
      for (const part of this.kvRun(slot, at, tileId)) {
        part.set(bytes.subarray(offset, offset + part.length));
        offset += part.length;
      }
  }

  #attentionStage(tileId: number): Stage {
    return this.#stages.find(({ attention }) => attention.tileIds.includes(tileId))!;
  }

  /**
   * Computes one step. What it yields is to be answered as `StepEvent` says. A step that is abandoned (by `return`)
   * leaves nothing behind that a later one could see.
   * @param embeddings float32 [tokens, hiddenSize] for a rank that computes the first layer, else empty
   * @returns this rank's part of the wanted logits, valid until the next step
   */
  *step(header: StepHeader, embeddings: Float32Array): Generator<StepEvent, readonly LogitPart[], void> {
    assert(this.missingTileIds.length === 0, 'all tiles are loaded');
    // A thread may still be at the end of the step before, in memory that this one writes.
    this.#team.rest();
    const batches = this.#begin(header, embeddings);
    this.#team.start();
    this.#recorder.mark(operations.open);
    let ended = false;
    try {
      const parts = yield* this.#computation.run(batches);
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
      const part = this.#computation.run(this.#stages.map((stage) => stage.batch()));
      this.#recorder.mark(operations.open);
      while (!part.next().done);
    });
  }

  /** @returns each stage's batch: the same tokens, in its own pages */
  #begin(header: StepHeader, embeddings: Float32Array): Batch[] {
    checkHeader(header, this.#options);
    const tokens = tokenCount(header);
    const values = takesEmbeddings(this.#stages[0]!.assignment) ? tokens * this.#hiddenSize : 0;
    if (embeddings.length !== values) {
      throw new HearthError(
        'PROTOCOL_UNEXPECTED_MESSAGE',
        `a step of ${tokens} tokens came with ${embeddings.length} values, expected ${values}`,
      );
    }
    const batches = this.#stages.map((stage) => stage.begin(header));
    if (values > 0) this.#stages[0]!.residual(0, tokens).set(embeddings);
    return batches;
  }
}
