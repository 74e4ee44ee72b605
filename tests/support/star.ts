import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import { Rank } from '../../runtime/decoder/rank.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { singleStage } from '../../runtime/decoder/stage-assignment.ts';
import {
  type LogitPart,
  type PartialSum,
  type Residual,
  type ExchangeEvent,
  type StepEvent,
  type StepSequence,
  tokenCount,
} from '../../runtime/decoder/step.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type LoadOptions, loadKernels } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { tensorParallel, wholeStep } from '../../runtime/plan/layouts.ts';
import { type Assignment, takesEmbeddings } from '../../runtime/plan/plan.ts';
import { kernelBytes } from './kernel-bytes.ts';

/** Tiles of a model, cut once for many stars. */
export async function cutAllTiles(model: ModelFile): Promise<Uint8Array[]> {
  const tiles: Uint8Array[] = [];
  for (const spec of model.tiles) tiles.push(await model.cutTile(spec));
  return tiles;
}

/** Several ranks in one thread, each with a memory of its own: a cluster without links. */
export class TestStar {
  readonly ranks: Rank[];
  readonly #model: ModelFile;
  #stepId = 0;
  readonly #assignments: readonly Assignment[];
  /** Sums over all ranks in which the coarse plane was used. */
  coarseSums = 0;

  private constructor(model: ModelFile, ranks: Rank[], assignments: readonly Assignment[]) {
    this.#model = model;
    this.ranks = ranks;
    this.#assignments = assignments;
  }

  /**
   * @param layout or shares of all layers
   * @param build which kernels; the best that run here by default
   */
  static async create(
    model: ModelFile,
    tiles: readonly Uint8Array[],
    layout: Layout | readonly number[],
    options: RankOptions,
    build: LoadOptions['build'] = 'best',
  ): Promise<TestStar> {
    const assignments = assignTiles(
      model.tiles,
      'stages' in layout ? layout : tensorParallel(model.config.layerCount, layout, wholeStep),
    );
    const ranks = assignments.map((assignment) => {
      const kernels = loadKernels(kernelBytes, { build });
      const place = { kernels, arena: new Arena(kernels.memory) };
      const stage = singleStage(model.description, assignment);
      const rank = new Rank([place], model.description, [stage], options);
      for (const id of assignment.tileIds) rank.loadTile(id, tiles[id]!);
      return rank;
    });
    return new TestStar(model, ranks, assignments);
  }

  /** @returns logits of the wanted tokens, one row each */
  async step(sequences: readonly (StepSequence & { tokens: readonly number[] })[]): Promise<Float32Array[]> {
    const { hiddenSize, vocabSize } = this.#model.config;
    const header = { stepId: this.#stepId++, sequences };
    const embeddings = new Float32Array(tokenCount(header) * hiddenSize);
    await this.#model.embed(
      sequences.flatMap((sequence) => sequence.tokens),
      embeddings,
    );
    const none = new Float32Array();
    const steps = this.ranks.map((rank, i) =>
      rank.step(header, takesEmbeddings(this.#assignments[i]!) ? embeddings : none),
    );
    const rows = new LogitRows(header, vocabSize);
    for (const parts of this.#drive(steps)) rows.add(parts);
    return rows.rows;
  }

  /** Lets the ranks go on in turn, each as far as it can. @returns what each ends with */
  #drive(steps: readonly Steps[]): (readonly LogitPart[])[] {
    const post = new Post(this.#assignments);
    const ended: (readonly LogitPart[])[] = [];
    const waiting: (ExchangeEvent | undefined)[] = steps.map(() => undefined);
    const open = new Set(steps.keys());
    while (open.size > 0) {
      let progress = false;
      for (const rank of open) {
        while (!waiting[rank] || post.answer(rank, waiting[rank])) {
          progress = true;
          const result = steps[rank]!.next();
          waiting[rank] = result.done ? undefined : exchangeOf(result.value);
          if (!result.done) continue;
          ended.push(result.value);
          open.delete(rank);
          break;
        }
      }
      if (!progress) throw new Error(`ranks ${[...open]} wait for each other`);
    }
    this.coarseSums += post.coarse.size;
    return ended;
  }
}

type Steps = Generator<StepEvent, readonly LogitPart[], void>;

function exchangeOf(event: StepEvent): ExchangeEvent {
  if (event.kind === 'awaitTiles') throw new Error('no rank of a star in one thread has a GPU');
  return event;
}

interface PostedSum {
  readonly fine: Int32Array;
  readonly coarse: Int32Array;
  coarseUsed: boolean;
  count: number;
}

/** Passes on what ranks send, in plain numbers. */
class Post {
  readonly #assignments: readonly Assignment[];
  readonly #sums = new Map<string, PostedSum>();
  readonly #residuals = new Map<string, readonly Float32Array[]>();
  readonly coarse = new Set<string>();

  constructor(assignments: readonly Assignment[]) {
    this.#assignments = assignments;
  }

  /** @returns whether the rank can go on */
  answer(rank: number, event: ExchangeEvent): boolean {
    if (event.kind === 'sync') {
      if (event.sum.coarseUsed) this.coarse.add(`${event.sum.syncIndex} ${event.sum.first}`);
      return true;
    }
    if ('residual' in event) return this.#residual(event.kind === 'sendResidual', event.residual);
    const { sum } = event;
    if (event.kind === 'sendSum') this.#add(sum);
    return event.kind === 'sendSum' || this.#await(rank, sum);
  }

  #add({ syncIndex, first, fine, coarse, coarseUsed }: PartialSum): void {
    const key = `${syncIndex} ${first}`;
    const total = this.#sums.get(key);
    if (!total) {
      this.#sums.set(key, { fine: fine.slice(), coarse: coarse.slice(), coarseUsed, count: 1 });
      return;
    }
    for (let i = 0; i < fine.length; i += 1) {
      total.fine[i]! += fine[i]!;
      total.coarse[i]! += coarse[i]!;
    }
    total.coarseUsed ||= coarseUsed;
    total.count += 1;
  }

  #await(rank: number, sum: PartialSum): boolean {
    const key = `${sum.syncIndex} ${sum.first}`;
    const total = this.#sums.get(key)!;
    const layer = sum.syncIndex >> 1;
    const leg = this.#assignments[rank]!.legs.find(({ endLayer }) => layer < endLayer)!;
    if (total.count < leg.members) return false;
    if (total.coarseUsed) this.coarse.add(key);
    sum.fine.set(total.fine);
    sum.coarse.set(total.coarse);
    sum.coarseUsed = total.coarseUsed;
    return true;
  }

  #residual(isSent: boolean, { layer, first, rows }: Residual): boolean {
    const key = `${layer} ${first}`;
    if (isSent)
      this.#residuals.set(
        key,
        rows.map((row) => row.slice()),
      );
    const sent = this.#residuals.get(key);
    if (!isSent) for (const [i, row] of rows.entries()) if (sent) row.set(sent[i]!);
    return sent !== undefined;
  }
}
