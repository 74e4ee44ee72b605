import { expect } from 'vitest';
import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { LoadOptions } from '../../runtime/kernels/kernels.ts';
import type { ApproximationChoice } from '../../runtime/model/approximation.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { memorySource } from '../support/memory-source.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';

const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 40,
  maxSequences: 2,
  contextLength: 64,
  kvPages: 2,
};
const prompt = Array.from({ length: 40 }, (_, i) => (i * 397 + 11) % 2600);

/** Runs that a prompt is brought in: all at once, or token by token. */
export const whole: readonly number[] = [prompt.length];
export const single: readonly number[] = prompt.map(() => 1);

/** A model, cut once. */
export interface Subject {
  readonly model: ModelFile;
  readonly tiles: readonly Uint8Array[];
}

export async function subject(bytes: Uint8Array, choice?: ApproximationChoice): Promise<Subject> {
  const model = await openModelFile(memorySource(bytes), undefined, choice);
  return { model, tiles: await cutAllTiles(model) };
}

/** How a prompt is computed: shares of the ranks, or a layout, lengths of the runs. */
export type Way = [
  shares: readonly number[] | Layout,
  runs: readonly number[],
  ffn?: FfnOptions,
  build?: LoadOptions['build'],
];

/** Logits of every position of one prompt, as text. */
export async function logits(
  { model, tiles }: Subject,
  ...[shares, runs, ffn = {}, build]: Way
): Promise<string> {
  const star = await TestStar.create(model, tiles, shares, { ...options, ffn }, build);
  const rows: Float32Array[] = [];
  for (const count of runs) {
    const start = rows.length;
    const tokens = prompt.slice(start, start + count);
    rows.push(...(await star.step([{ slot: 0, start, count, logits: 'all', tokens }])));
  }
  expect(rows.every((row) => row.every(Number.isFinite))).toBe(true);
  expect(new Set(rows.map((row) => row[7])).size, 'positions differ').toBe(prompt.length);
  return rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64')).join();
}
