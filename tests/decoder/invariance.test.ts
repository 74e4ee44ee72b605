import { describe, expect, test } from 'vitest';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { LoadOptions } from '../../runtime/kernels/kernels.ts';
import { type KvFormat, kvFormats } from '../../runtime/kernels/kv-page.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { quantFormats } from '../../runtime/quant/registry.ts';
import { memorySource } from '../support/memory-source.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 32,
  maxSequences: 3,
  contextLength: 128,
  kvPages: 6,
};
const longPrompt = Array.from({ length: 75 }, (_, i) => (i * 397 + 11) % 2600);
const prompt = longPrompt.slice(0, 19);

interface Subject {
  readonly model: ModelFile;
  readonly tiles: readonly Uint8Array[];
}

async function subject(...parameters: Parameters<typeof syntheticModel>): Promise<Subject> {
  const model = await openModelFile(memorySource(await syntheticModel(...parameters)));
  return { model, tiles: await cutAllTiles(model) };
}

function star(
  { model, tiles }: Subject,
  shares: readonly number[],
  build?: LoadOptions['build'],
  kvFormat: KvFormat = 'f16',
): Promise<TestStar> {
  return TestStar.create(model, tiles, shares, { ...options, kvFormat }, build);
}

/** Logits of every position, with a prompt brought in runs of the given lengths. */
async function logits(cluster: TestStar, runs: readonly number[], slot = 0): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  let start = 0;
  for (const count of runs) {
    const tokens = longPrompt.slice(start, start + count);
    rows.push(...(await cluster.step([{ slot, start, count, logits: 'all', tokens }])));
    start += count;
  }
  return rows;
}

function bits(rows: readonly Float32Array[]): string {
  return rows
    .map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64'))
    .join(' ');
}

const whole = [prompt.length];
const oneByOne = prompt.map(() => 1);

describe.each(['llama', 'qwen2'] as const)('%s gives the same bits', (architecture) => {
  test.each(quantFormats.map(({ name }) => name))('in %s', { timeout: 120_000 }, async (type) => {
    const model = await subject({ architecture, type });
    const expected = await logits(await star(model, [1]), whole);
    expect(new Set(expected.map((row) => row[7])).size, 'positions differ').toBe(prompt.length);
    expect(expected.every((row) => row.every(Number.isFinite))).toBe(true);
    const reference = bits(expected);
    const same = async (cluster: TestStar, runs: readonly number[]) =>
      expect(
        bits(await logits(cluster, runs)) === reference,
        `${cluster.ranks.length} ranks, runs ${runs}`,
      ).toBe(true);

    await same(await star(model, [1]), oneByOne);
    await same(await star(model, [1], 'baseline'), [7, 1, 11]);
    await same(await star(model, [3, 1]), whole);
    await same(await star(model, [3, 2, 1]), [10, 9]);
    await same(await star(model, [5, 1, 4, 2, 3], 'baseline'), [1, 18]);
  });
});

describe.each(kvFormats)('%s pages give the same bits', (kvFormat) => {
  test.each([
    ['one group of heads', {}],
    ['groups of three, odd sizes', { headCount: 6, kvHeadCount: 2, headDim: 36 }],
    ['heads that are not grouped', { headCount: 4, kvHeadCount: 4, headDim: 32 }],
  ] as const)('%s, over more than a page', { timeout: 60_000 }, async (_, shape) => {
    const model = await subject({ type: 'F32', ...shape });
    const expected = await logits(await star(model, [1], 'best', kvFormat), [32, 32, 11]);
    expect(expected.every((row) => row.every(Number.isFinite))).toBe(true);
    const reference = bits(expected);
    for (const [shares, build, runs] of [
      [[1], 'baseline', longPrompt.map(() => 1)],
      [[3, 1], 'best', [5, 1, 30, 27, 2, 10]],
    ] as const)
      expect(bits(await logits(await star(model, shares, build, kvFormat), runs)) === reference).toBe(true);
  });

  test('other bits than pages of another format', async () => {
    const model = await subject({ type: 'F32' });
    const other = kvFormats.find((format) => format !== kvFormat)!;
    const rows = await logits(await star(model, [1], 'best', kvFormat), whole);
    expect(bits(await logits(await star(model, [1], 'best', other), whole))).not.toBe(bits(rows));
  });
});

describe('what else must not change a bit', () => {
  test('a batch with other sequences, and a slot used before', async () => {
    const model = await subject({ type: 'Q4_0' });
    const alone = await logits(await star(model, [1]), whole);
    const cluster = await star(model, [2, 1]);
    await logits(cluster, [5, 5, 9], 1);
    const other = (slot: number, start: number, count: number) => ({
      slot,
      start,
      count,
      logits: 'none' as const,
      tokens: prompt.slice(start, start + count).map((token) => token + 1),
    });
    const mine = (start: number, count: number) => ({
      slot: 1,
      start,
      count,
      logits: 'all' as const,
      tokens: prompt.slice(start, start + count),
    });
    const rows = [
      ...(await cluster.step([other(0, 0, 12), mine(0, 8), other(2, 0, 3)])),
      ...(await cluster.step([other(2, 3, 1), mine(8, 11), other(0, 12, 1)])),
    ];
    expect(bits(rows)).toBe(bits(alone));
  });

  test('a sequence that starts again in its middle', async () => {
    const model = await subject({ type: 'Q8_0' });
    const cluster = await star(model, [1, 1]);
    const first = await logits(cluster, whole);
    await cluster.step([{ slot: 0, start: 6, count: 2, logits: 'none', tokens: [1, 2] }]);
    const tokens = prompt.slice(6);
    const again = await cluster.step([{ slot: 0, start: 6, count: tokens.length, logits: 'all', tokens }]);
    expect(bits(again)).toBe(bits(first.slice(6)));
  });

  test.each([
    ['tied embeddings, frequency factors', { tiedEmbeddings: true, ropeFactors: true }],
    ['linear scaling', { ropeScaling: { kind: 'linear', factor: 2 } }],
    [
      'YaRN, a mix of types, odd sizes',
      {
        ropeScaling: {
          kind: 'yarn',
          factor: 4,
          originalContextLength: 64,
          attentionFactor: 1,
          betaFast: 32,
          betaSlow: 1,
        },
        type: (role: string) => (role === 'down' || role === 'value' ? ('F32' as const) : ('Q8_0' as const)),
        intermediateSize: 300,
        headCount: 6,
        kvHeadCount: 3,
        headDim: 32,
        vocabSize: 2611,
      },
    ],
  ] as const)('%s', async (_, shape) => {
    const model = await subject(shape);
    const reference = bits(await logits(await star(model, [1]), whole));
    expect(bits(await logits(await star(model, [1, 4, 2]), [4, 15])) === reference).toBe(true);
    expect(bits(await logits(await star(model, [2, 2], 'baseline'), oneByOne)) === reference).toBe(true);
  });
});
