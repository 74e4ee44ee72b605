import { LogitRows } from '../decoder/logit-rows.ts';
import type { Lend } from '../decoder/lending.ts';
import { Rank } from '../decoder/rank.ts';
import type { RankOptions } from '../decoder/rank-options.ts';
import { singleStage } from '../decoder/stage-assignment.ts';
import type { StepSequence } from '../decoder/step.ts';
import { tokenCount } from '../decoder/step.ts';
import type { StepInput, StepRunner } from '../generation/step-runner.ts';
import { Arena } from '../kernels/arena.ts';
import { type KernelBytes, loadKernels } from '../kernels/kernels.ts';
import type { ModelFile } from '../model/model-file.ts';
import { planByShares } from '../plan/plan.ts';

/**
 * Runs a whole model in this thread, without agents or links: the smallest thing that answers.
 * @param lend gives some tiles to a GPU
 * @throws HearthError MEMORY_EXHAUSTED, KERNEL_UNAVAILABLE
 */
export async function createSoloRunner(
  model: ModelFile,
  builds: KernelBytes,
  options: RankOptions,
  lend?: Lend,
): Promise<StepRunner> {
  const kernels = loadKernels(builds);
  const [assignment] = planByShares(model.tiles, [1]);
  const place = { kernels, arena: new Arena(kernels.memory) };
  const stage = singleStage(model.description, assignment!);
  const rank = new Rank([place], model.description, [stage], options);
  for (const tile of model.tiles) rank.loadTile(tile.id, await model.cutTile(tile));
  if (lend) await rank.lend(lend);
  return new SoloRunner(model, rank, options);
}

class SoloRunner implements StepRunner {
  readonly limits: RankOptions;
  readonly vocabSize: number;
  readonly #model: ModelFile;
  readonly #rank: Rank;
  #stepId = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(model: ModelFile, rank: Rank, options: RankOptions) {
    this.#model = model;
    this.#rank = rank;
    this.limits = options;
    this.vocabSize = model.config.vocabSize;
  }

  step(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    const result = this.#last.then(() => this.#run(sequences));
    this.#last = result.catch(() => undefined);
    return result;
  }

  release(slot: number): void {
    this.#rank.release(slot);
  }

  async #run(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    const header = { stepId: this.#stepId++, sequences: sequences satisfies readonly StepSequence[] };
    const embeddings = new Float32Array(tokenCount(header) * this.#model.config.hiddenSize);
    await this.#model.embed(
      sequences.flatMap((sequence) => sequence.tokens),
      embeddings,
    );
    const rows = new LogitRows(header, this.vocabSize);
    const step = this.#rank.step(header, embeddings);
    let next = step.next();
    while (!next.done) {
      if (next.value.kind === 'awaitTiles') await next.value.ready;
      next = step.next();
    }
    rows.add(next.value);
    return rows.rows;
  }
}
