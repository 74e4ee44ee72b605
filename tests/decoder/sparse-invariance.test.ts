import { describe, expect, test } from 'vitest';
import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { LoadOptions } from '../../runtime/kernels/kernels.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { memorySource } from '../support/memory-source.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 40,
  maxSequences: 2,
  contextLength: 64,
  kvPages: 2,
};
const prompt = Array.from({ length: 40 }, (_, i) => (i * 397 + 11) % 2600);
const whole = [prompt.length];

interface Subject {
  readonly model: ModelFile;
  readonly tiles: readonly Uint8Array[];
}

async function subject(...parameters: Parameters<typeof syntheticModel>): Promise<Subject> {
  const model = await openModelFile(memorySource(await syntheticModel(...parameters)));
  return { model, tiles: await cutAllTiles(model) };
}

/** Logits of every position, with the prompt brought in runs of the given lengths. */
async function logits(
  { model, tiles }: Subject,
  shares: readonly number[],
  runs: readonly number[],
  ffn: FfnOptions = {},
  build?: LoadOptions['build'],
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

describe.each(['relu', 'relu2', 'drelu'] as const)('%s gives the same bits', (activation) => {
  test.each([
    ['Q4_0', true],
    ['Q8_0', true],
    ['Q4_0', false],
  ] as const)('in %s, by neuron %s', { timeout: 60_000 }, async (type, neuronRows) => {
    const model = await subject({ activation, type, neuronRows });
    const reference = await logits(model, [1], whole, { everyNeuron: true });
    const same = async (...[shares, runs, ffn, build]: readonly unknown[] & Parameters4) =>
      expect((await logits(model, shares, runs, ffn, build)) === reference, `${shares}, runs ${runs}`).toBe(
        true,
      );
    await same([1], whole);
    await same(
      [1],
      prompt.map(() => 1),
      {},
      'baseline',
    );
    await same(
      [1],
      prompt.map(() => 1),
      { everyNeuron: true },
    );
    await same([3, 2, 1], [10, 3, 27], {}, 'baseline');
    await same([5, 1, 4, 2, 3], [1, 39]);
  });
});

type Parameters4 = [shares: number[], runs: number[], ffn?: FfnOptions, build?: LoadOptions['build']];

test('neurons whose number fills no group', async () => {
  const shape = { hiddenSize: 96, headCount: 4, kvHeadCount: 2, headDim: 32, intermediateSize: 301 };
  const model = await subject({ activation: 'relu', type: 'Q8_0', neuronRows: true, ...shape });
  const reference = await logits(model, [1], whole, { everyNeuron: true });
  expect(await logits(model, [1], whole)).toBe(reference);
  expect(await logits(model, [2, 1], [3, 37], {}, 'baseline')).toBe(reference);
});
