import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { Rank } from '../../runtime/decoder/rank.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { Place } from '../../runtime/decoder/stage.ts';
import { singleStage } from '../../runtime/decoder/stage-assignment.ts';
import { type StepHeader, tokenCount } from '../../runtime/decoder/step.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { pagePositions } from '../../runtime/kernels/kv-page.ts';
import type { TileModel } from '../../runtime/model/tile-model.ts';
import { type Assignment, takesEmbeddings } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import type { Difference } from './difference.ts';
import { Replay } from './replay.ts';
import type { Spot } from './spot.ts';
import type { StepRecord } from './step-record.ts';
import { wayTo } from './way-to.ts';

/** A run of KV on which a step builds. */
export interface CheckRun {
  readonly slot: number;
  readonly run: number;
  readonly tileId: number;
  readonly bytes: Uint8Array;
}

/** What is to be computed a second time, with all that it takes but the weights. */
export interface CheckTask {
  readonly spot: Spot;
  /** The spot's rank's. */
  readonly assignment: Assignment;
  readonly options: RankOptions;
  readonly record: StepRecord;
  /** Slots whose runs are whole: of others attention cannot be computed again. */
  readonly slots: readonly number[];
  /** Of those slots, in order. */
  readonly runs: readonly CheckRun[];
}

/** Computes a part of a step again. */
export interface Checker {
  /** @returns undefined if all is as it should be. @throws HearthError FILE_*, GGUF_TRUNCATED, THREAD_LOST */
  check(task: CheckTask): Promise<Difference | undefined>;
}

/** In this thread, one after another, with tiles that are cut for the purpose and forgotten afterwards. */
export function checkerOf(model: Pick<TileModel, 'description' | 'cutTile'>): Checker {
  const kernels = startKernels();
  const arena = new Arena(kernels.memory);
  const mark = arena.mark();
  return {
    async check(task) {
      try {
        return await replay(task, model, { kernels, arena });
      } finally {
        // A rank expects memory that nobody has written to.
        arena.u8(mark, arena.usedBytes - mark).fill(0);
        arena.release(mark);
      }
    },
  };
}

async function replay(
  { spot, assignment, options, record, slots, runs }: CheckTask,
  model: Pick<TileModel, 'description' | 'cutTile'>,
  place: Place,
): Promise<Difference | undefined> {
  const { description } = model;
  const { hiddenSize, layerCount, vocabSize } = description.config;
  const isAttention = spot.kind === 'attention';
  const header = fromStart(record.header, isAttention ? slots : []);
  const [base] = tileSpecs(description);
  const tiles = [base!, ...spot.tiles];
  const tileIds = tiles.map(({ id }) => id);
  const part: Assignment = { ...assignment, ...wayTo(spot, assignment, layerCount), tileIds };
  const stage = singleStage(description, part);
  const rank = new Rank([place], description, [stage], limitsOf(header, options));
  const compared = comparedTokens(header, isAttention ? slots : undefined);
  const again = new Replay(rank, { spot, record, compared, hiddenSize, layerCount, vocabSize });
  for (const tile of tiles) rank.loadTile(tile.id, await model.cutTile(tile));
  for (const { slot, run, tileId, bytes } of runs) rank.restoreKvRuns(slot, run, tileId, bytes);
  return again.run(header, takesEmbeddings(part) ? record.embeddings : new Float32Array());
}

/** Where sequences start matters for attention alone: others are as good at 0, and shorter. */
function fromStart({ stepId, sequences }: StepHeader, kept: readonly number[]): StepHeader {
  const moved = sequences.map((one) => (kept.includes(one.slot) ? one : { ...one, start: 0 }));
  return { stepId, sequences: moved };
}

/** As much as the step takes, and no more. */
function limitsOf(header: StepHeader, options: RankOptions): RankOptions {
  const pages = header.sequences.map(({ start, count }) => Math.ceil((start + count) / pagePositions));
  return {
    ...options,
    maxStepTokens: tokenCount(header),
    contextLength: Math.max(...pages) * pagePositions,
    kvPages: pages.reduce((sum, count) => sum + count, 0),
  };
}

/** @param slots undefined for all */
function comparedTokens(
  { sequences }: StepHeader,
  slots: readonly number[] | undefined,
): ReadonlySet<number> {
  const tokens = new Set<number>();
  let first = 0;
  for (const { slot, count } of sequences) {
    for (let i = 0; i < count; i += 1) if (!slots || slots.includes(slot)) tokens.add(first + i);
    first += count;
  }
  return tokens;
}
