import { KernelCodec } from '../collective/kernel-codec.ts';
import type { PlaneCodec } from '../collective/plane-codec.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ModelDescription } from '../model/description.ts';
import { operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { RowReading } from '../weights/cold-tiles.ts';
import type { PlacedSection } from '../weights/placed-tile.ts';
import { TileStore } from '../weights/tile-store.ts';
import type { Window } from '../weights/window-reader.ts';
import { Activations } from './activations.ts';
import { AttentionLayer } from './attention-layer.ts';
import { type Batch, layOut } from './batch.ts';
import { BatchMemory } from './batch-memory.ts';
import { FfnLayer } from './ffn-layer.ts';
import type { Lend, Lent } from './lending.ts';
import { type LayerRun, loneLayers } from './lone-layers.ts';
import type { MicroBatch } from './micro-batch.ts';
import { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import type { StageAssignment } from './stage-assignment.ts';
import type { StepHeader } from './step.ts';
import { VocabularyHead } from './vocabulary-head.ts';

/** A memory, and the kernels over it. */
export interface Place {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** Of a stage whose tiles do not all fit. */
  readonly window?: Window | undefined;
  /** Of one that has cold tiles among them. */
  readonly rows?: RowReading | undefined;
}

/**
 * A run of a rank's sublayers and all that computing them takes, in one memory. A thread of the rank has a `Stage` of
 * its own over that memory, laid out alike.
 */
export class Stage {
  readonly assignment: StageAssignment;
  readonly tiles: TileStore;
  readonly input: Activations;
  readonly sums: PartialSums;
  readonly attention: AttentionLayer;
  readonly ffn: FfnLayer;
  readonly head: VocabularyHead;
  /** Layers that this rank computes alone. */
  readonly loneLayers: LayerRun | undefined;
  /** The leader's: what a GPU of the device computes, if there is one. */
  #lent: Lent = {};
  /** Address of int32 that all threads see: whether layers are lent in this step, and whether they came back. */
  readonly #loan: number;
  /** Packs this stage's sums for the other ranks. */
  readonly codec: PlaneCodec;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly config: ModelConfig;
  readonly #recorder: Recorder;
  readonly #batch: BatchMemory;
  readonly #residual: number;

  /**
   * Allocates all memory that the stage will ever need, and writes to none.
   * @param specs all tiles of the model
   * @throws HearthError MEMORY_EXHAUSTED with the numbers
   */
  constructor(
    { kernels, arena, window, rows }: Place,
    description: ModelDescription,
    specs: readonly TileSpec[],
    assignment: StageAssignment,
    options: RankOptions,
    team: Team,
  ) {
    const { config } = description;
    const { hiddenSize } = config;
    const { maxStepTokens } = options;
    const held = assignment.tileIds.map((id) => specs[id]!);
    this.assignment = assignment;
    this.loneLayers = loneLayers(assignment);
    this.#kernels = kernels;
    this.#arena = arena;
    this.config = config;
    this.#recorder = team.recorder;
    const { weightBytes, seekBytes } = assignment;
    const streaming = weightBytes === undefined ? undefined : { weightBytes, seekBytes, window, rows };
    this.tiles = new TileStore(arena, held, team, streaming);
    this.#batch = new BatchMemory(arena, maxStepTokens);
    this.#residual = arena.alloc(maxStepTokens * hiddenSize * 4);
    this.input = new Activations(kernels, arena, perThread(arena, team), maxStepTokens, hiddenSize);
    this.sums = new PartialSums(kernels, arena, maxStepTokens, hiddenSize, team);
    this.attention = new AttentionLayer(
      kernels,
      arena,
      description,
      specs,
      this.tiles,
      options,
      this.#batch,
      team,
    );
    this.ffn = new FfnLayer(kernels, arena, description, specs, this.tiles, options, team);
    this.head = new VocabularyHead(arena, this.tiles, maxStepTokens);
    const packedTokens = sharesSublayers(assignment)
      ? Math.min(maxStepTokens, assignment.microBatchTokens)
      : 0;
    this.#loan = arena.alloc(8);
    this.codec = new KernelCodec(kernels, arena, packedTokens * hiddenSize);
  }

  get lent(): Lent {
    return this.#lent;
  }

  /** The leader, when all tiles are in place. */
  async lend(lend: Lend, options: RankOptions): Promise<void> {
    this.#lent = await lend(this, this.#arena, options);
  }

  /** Of the layers that this rank computes alone: whether they are lent in this step, and whether they have come back. */
  get loan(): { isLent: boolean; isBack: boolean } {
    const [isLent, isBack] = this.#arena.i32(this.#loan, 2);
    return { isLent: isLent === 1, isBack: isBack === 1 };
  }

  /** The leader, before a barrier. */
  set loan({ isLent, isBack }) {
    this.#arena.i32(this.#loan, 2).set([Number(isLent), Number(isBack)]);
  }

  /** The leader makes room for a step's positions and lays it out. @throws HearthError CONTEXT_FULL */
  begin(header: StepHeader): Batch {
    this.attention.begin(header);
    this.loan = { isLent: this.#lent.layers?.begin(header) ?? false, isBack: false };
    const batch = layOut(header, (slot, position) => this.attention.cache.page(slot, position));
    this.#batch.write(batch);
    this.tiles.begin(batch.tokens.length, this.head.rounds(batch.logitTokens.length));
    return batch;
  }

  /** The step that the leader has laid out. */
  batch(): Batch {
    return this.#batch.read();
  }

  /** The residual of tokens [first, end), float32 [end − first, hiddenSize]. */
  residual(first: number, end: number): Float32Array {
    const { hiddenSize } = this.config;
    return this.#arena.f32(this.#residual + first * hiddenSize * 4, (end - first) * hiddenSize);
  }

  /** Takes the residual of tokens [first, end) from another stage. */
  takeOver(before: Stage, first: number, end: number): void {
    this.residual(first, end).set(before.residual(first, end));
    this.#recorder.mark(operations.apply);
  }

  /**
   * One token's residual, normed, to row `row` of the input, in the forms that the matrices want. Token by token, so
   * that what was normed is still in the nearest cache when it is quantised.
   * @param weight address of the norm's
   */
  prepare(weight: number, token: number, row: number, matrices: readonly PlacedSection[]): void {
    const { hiddenSize, normEpsilon } = this.config;
    const from = this.#residual + token * hiddenSize * 4;
    const to = this.input.pointer + row * hiddenSize * 4;
    const scales = this.sums.scales + row * 16;
    this.#kernels.rmsNorm(from, weight, to, hiddenSize, 1, normEpsilon, scales);
    this.#recorder.mark(operations.norm);
    this.input.prepare(matrices, row, row + 1);
    this.#recorder.mark(operations.quantise);
  }

  /** Adds the sum over all ranks to the residual of tokens [first, end) of a micro-batch. */
  apply(part: MicroBatch, first: number, end: number): void {
    this.sums.apply(this.#residual, part, first, end);
    this.#recorder.mark(operations.apply);
  }
}

/** Whether other ranks have a part in any of its sublayers. */
function sharesSublayers({ legs, firstSublayer, endSublayer }: StageAssignment): boolean {
  return legs.some(
    ({ members, firstLayer, endLayer }) =>
      members > 1 && 2 * firstLayer < endSublayer && firstSublayer < 2 * endLayer,
  );
}
