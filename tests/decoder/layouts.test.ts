import { beforeAll, describe, expect, test } from 'vitest';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { LoadOptions } from '../../runtime/kernels/kernels.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline, tensorParallel } from '../../runtime/plan/layouts.ts';
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
const layerCount = 4;
const token = (i: number) => (i * 397 + 11) % 2600;

let model: ModelFile;
let tiles: Uint8Array[];
let expected: Float32Array[];

/** Chunks of several sequences, in one of which the last tokens alone are wanted, and a sequence that steps back. */
async function play(star: TestStar): Promise<Float32Array[]> {
  const sequence = (slot: number, start: number, count: number, logits: 'all' | 'last' | 'none') => ({
    slot,
    start,
    count,
    logits,
    tokens: Array.from({ length: count }, (_, i) => token(slot * 100 + start + i)),
  });
  return [
    ...(await star.step([sequence(0, 0, 19, 'all'), sequence(1, 0, 7, 'none'), sequence(2, 0, 3, 'last')])),
    ...(await star.step([sequence(1, 7, 20, 'last'), sequence(0, 19, 1, 'last')])),
    ...(await star.step([sequence(2, 3, 5, 'none')])),
    ...(await star.step([sequence(2, 8, 1, 'last'), sequence(0, 12, 9, 'all'), sequence(1, 27, 1, 'last')])),
  ];
}

async function rowsOf(layout: Layout | readonly number[], build?: LoadOptions['build']) {
  return play(await TestStar.create(model, tiles, layout, options, build));
}

beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0', layerCount })));
  tiles = await cutAllTiles(model);
  expected = await rowsOf([1]);
});

const layouts: Record<string, Omit<Layout, 'microBatchTokens'>> = {
  'one rank': tensorParallel(layerCount, [1], 1),
  'two that share all': tensorParallel(layerCount, [2, 1], 1),
  'more ranks than KV heads': tensorParallel(layerCount, [1, 1, 1, 1, 1, 1, 1], 1),
  'a pipeline of two': pipeline(layerCount, [3, 1], 1),
  'a pipeline of three': pipeline(layerCount, [1, 2, 1], 1),
  'a stage of two, then one of one': {
    stages: [
      { firstLayer: 0, endLayer: 3, shares: [1, 2, 0] },
      { firstLayer: 3, endLayer: 4, shares: [0, 0, 1] },
    ],
    vocabularyShares: [1, 0, 1],
  },
  'a stage of one, then one of three with a rank in both': {
    stages: [
      { firstLayer: 0, endLayer: 1, shares: [0, 1, 0] },
      { firstLayer: 1, endLayer: 4, shares: [1, 1, 2] },
    ],
    vocabularyShares: [0, 1, 1],
  },
  'a rank in the first stage and in the third': {
    stages: [
      { firstLayer: 0, endLayer: 1, shares: [1, 0] },
      { firstLayer: 1, endLayer: 2, shares: [0, 1] },
      { firstLayer: 2, endLayer: 4, shares: [1, 0] },
    ],
    vocabularyShares: [1, 1],
  },
  'ranks with nothing but vocabulary': {
    stages: [{ firstLayer: 0, endLayer: 4, shares: [0, 1, 0] }],
    vocabularyShares: [1, 0, 2],
  },
  'two that swap shares': {
    stages: [
      { firstLayer: 0, endLayer: 2, shares: [1, 3] },
      { firstLayer: 2, endLayer: 4, shares: [3, 1] },
    ],
    vocabularyShares: [1, 1],
  },
};

describe.each(Object.entries(layouts))('%s', (_, layout) => {
  test.each([
    [1, 'best'],
    [3, 'baseline'],
    [16, 'best'],
    [32, 'baseline'],
  ] as const)(
    'gives the bits of one in micro-batches of %i, %s build',
    { timeout: 60_000 },
    async (most, build) => {
      expect(await rowsOf({ ...layout, microBatchTokens: most }, build)).toEqual(expected);
    },
  );
});

test('six ranks of a model with four KV heads give the bits of one', { timeout: 60_000 }, async () => {
  const shape = { kvHeadCount: 4, headCount: 8, intermediateSize: 1536 } as const;
  const few = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0', layerCount, ...shape })));
  const cut = await cutAllTiles(few);
  const rowsFor = async (shares: readonly number[]) => {
    const star = await TestStar.create(few, cut, tensorParallel(layerCount, shares, 32), options);
    return play(star);
  };
  const layout = tensorParallel(layerCount, [1, 1, 1, 1, 1, 1], 32);
  const held = assignTiles(few.tiles, layout).map(({ tileIds }) => {
    const kindsOf = (layer: number) =>
      tileIds.map((id) => few.tiles[id]!).filter((tile) => tile.layer === layer);
    return Array.from({ length: layerCount }, (_, layer) => new Set(kindsOf(layer).map(({ kind }) => kind)));
  });
  // In each layer two ranks have no attention tile, and every rank has an FFN tile; over the layers all take turns.
  for (let layer = 0; layer < layerCount; layer += 1) {
    expect(held.filter((layers) => layers[layer]!.has('attention'))).toHaveLength(4);
    expect(held.filter((layers) => layers[layer]!.has('ffn'))).toHaveLength(6);
  }
  expect(held.every((layers) => layers.some((kinds) => kinds.has('attention')))).toBe(true);
  expect(await rowsFor([1, 1, 1, 1, 1, 1])).toEqual(await rowsFor([1]));
});

test('what is compared differs from row to row', () => {
  expect(expected).toHaveLength(33);
  expect(new Set(expected.map((row) => row[7])).size).toBeGreaterThan(20);
});
