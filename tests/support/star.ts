import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import { Rank } from '../../runtime/decoder/rank.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { singleStage } from '../../runtime/decoder/stage-assignment.ts';
import { type PartialSum, type StepSequence, tokenCount } from '../../runtime/decoder/step.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type LoadOptions, loadKernels } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { kernelBytes } from './kernel-bytes.ts';

/** Tiles of a model, cut once for many stars. */
export async function cutAllTiles(model: ModelFile): Promise<Uint8Array[]> {
  const tiles: Uint8Array[] = [];
  for (const spec of model.tiles) tiles.push(await model.cutTile(spec));
  return tiles;
}

/** Several ranks in one thread, each with a memory of its own, in lock-step: a star without links. */
export class TestStar {
  readonly ranks: Rank[];
  readonly #model: ModelFile;
  #stepId = 0;
  /** Syncs in which the coarse plane was used. */
  coarseSyncs = 0;

  private constructor(model: ModelFile, ranks: Rank[]) {
    this.#model = model;
    this.ranks = ranks;
  }

  /** @param build which kernels; the best that run here by default */
  static async create(
    model: ModelFile,
    tiles: readonly Uint8Array[],
    shares: readonly number[],
    options: RankOptions,
    build: LoadOptions['build'] = 'best',
  ): Promise<TestStar> {
    const ranks = planByShares(model.tiles, shares).map(async (assignment) => {
      const kernels = loadKernels(kernelBytes, { build });
      const place = { kernels, arena: new Arena(kernels.memory) };
      const stage = singleStage(model.description, assignment);
      const rank = new Rank([place], model.description, [stage], options);
      for (const id of assignment.tileIds) rank.loadTile(id, tiles[id]!);
      return rank;
    });
    return new TestStar(model, await Promise.all(ranks));
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
    const steps = this.ranks.map((rank) => rank.step(header, embeddings));
    const rows = new LogitRows(header, vocabSize);
    for (;;) {
      const results = steps.map((step) => step.next());
      const sums: PartialSum[] = [];
      for (const result of results) {
        if (result.done) rows.add(result.value);
        else sums.push(result.value);
      }
      if (sums.length === 0) return rows.rows;
      this.#reduce(sums);
    }
  }

  #reduce(sums: readonly PartialSum[]): void {
    const coarseUsed = sums.some((sum) => sum.coarseUsed);
    if (coarseUsed) this.coarseSyncs += 1;
    for (const plane of ['fine', 'coarse'] as const) {
      const total = new Int32Array(sums[0]![plane].length);
      for (const sum of sums) for (let i = 0; i < total.length; i += 1) total[i]! += sum[plane][i]!;
      for (const sum of sums) sum[plane].set(total);
    }
    for (const sum of sums) sum.coarseUsed = coarseUsed;
  }
}
