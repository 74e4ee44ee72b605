import { expect, test } from 'vitest';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline, tensorParallel } from '../../runtime/plan/layouts.ts';
import { memorySource } from '../support/memory-source.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const options: RankOptions = {
  kvFormat: 'f32',
  maxStepTokens: 19,
  maxSequences: 1,
  contextLength: 64,
  kvPages: 1,
};
const fewTokens = [5, 77, 1033, 9];

/** A model whose first FFN answers with values far beyond its input, as real models do for their first token. */
async function modelWithFactor(factor: number) {
  const bytes = await syntheticModel({ type: 'F32' });
  const { byteOffset, byteLength } = (await openGguf(memorySource(bytes))).tensors.get(
    'blk.0.ffn_down.weight',
  )!;
  const view = new DataView(bytes.buffer, bytes.byteOffset + byteOffset, byteLength);
  for (let at = 0; at < byteLength; at += 4) view.setFloat32(at, view.getFloat32(at, true) * factor, true);
  const model = await openModelFile(memorySource(bytes));
  return { model, tiles: await cutAllTiles(model) };
}

async function logits(
  layout: Layout | readonly number[],
  factor: number,
  tokens: readonly number[] = fewTokens,
): Promise<{ rows: Float32Array[]; coarse: number }> {
  const { model, tiles } = await modelWithFactor(factor);
  const star = await TestStar.create(model, tiles, layout, options);
  const rows = await star.step([{ slot: 0, start: 0, count: tokens.length, logits: 'all', tokens }]);
  return { rows, coarse: star.coarseSums };
}

test('ordinary activations never use the coarse plane', async () => {
  expect((await logits([1], 1)).coarse).toBe(0);
});

test('massive activations use it, stay finite and are the same on any star', async () => {
  const alone = await logits([1], 1e6);
  expect(alone.coarse).toBeGreaterThan(0);
  expect(alone.rows.every((row) => row.every(Number.isFinite))).toBe(true);
  const spread = await logits([3, 1, 2], 1e6);
  expect(spread.coarse).toBe(alone.coarse);
  expect(spread.rows).toEqual(alone.rows);
});

test('some tokens that use it, in some micro-batches, change no bit', async () => {
  const tokens = Array.from({ length: 19 }, (_, i) => (i * 397 + 11) % 2600);
  const factor = 6000;
  const alone = await logits(pipeline(2, [1], 1), factor, tokens);
  expect(alone.coarse).toBeGreaterThan(0);
  expect(alone.coarse).toBeLessThan(19);
  for (const layout of [
    tensorParallel(2, [1], 19),
    tensorParallel(2, [1, 1, 1], 1),
    tensorParallel(2, [1, 2], 2),
    pipeline(2, [1, 1], 3),
  ])
    expect((await logits(layout, factor, tokens)).rows).toEqual(alone.rows);
});

test.each([1e30, Number.NaN])('weights times %d are an error, not silence', async (factor) => {
  await expect(logits([1], factor)).rejects.toMatchObject({
    code: 'FIXED_POINT_OVERFLOW',
    fields: { layer: 0 },
  });
});
