import type { ComputingRank } from '../../device-agent/create-rank.ts';
import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';

export const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 16,
  maxSequences: 2,
  contextLength: 64,
  kvPages: 2,
};

export const prompt = Array.from({ length: 13 }, (_, i) => (i * 397 + 11) % 2600);

let stepId = 0;

/** A step of `count` tokens of the prompt, not yet begun. */
export async function begin(model: ModelFile, rank: ComputingRank, start: number, count: number) {
  const header = { stepId: stepId++, sequences: [{ slot: 0, start, count, logits: 'all' as const }] };
  const embeddings = new Float32Array(count * model.config.hiddenSize);
  await model.embed(prompt.slice(start, start + count), embeddings);
  return { header, step: rank.step(header, embeddings) };
}

/** Logits of some positions, of a rank that is alone. */
export async function stepLogits(
  model: ModelFile,
  rank: ComputingRank,
  start: number,
  count: number,
): Promise<readonly Float32Array[]> {
  const { header, step } = await begin(model, rank, start, count);
  let next = step.next();
  while (!next.done) next = step.next();
  const gathered = new LogitRows(header, model.config.vocabSize);
  gathered.add(next.value);
  return gathered.rows;
}

/** Logits of all positions, brought in runs of the given lengths. */
export async function logits(
  model: ModelFile,
  rank: ComputingRank,
  runs: readonly number[],
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  let start = 0;
  for (const count of runs) {
    rows.push(...(await stepLogits(model, rank, start, count)));
    start += count;
  }
  return rows;
}
