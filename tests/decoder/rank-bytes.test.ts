import { describe, expect, test } from 'vitest';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { noSources, rankSetup } from '../support/rank-host.ts';

const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 16,
  maxSequences: 2,
  contextLength: 256,
  kvPages: 8,
};
const small = description();
const large = description(
  { hiddenSize: 512, layerCount: 3, kvHeadCount: 8, headDim: 64, vocabSize: 3001 },
  'Q4_K',
);
const whole = (model = small) => planByShares(tileSpecs(model), [1])[0]!;

describe('rankBytes', () => {
  test.each([
    ['one thread', small, [1], {}, 1],
    ['three threads', small, [1], {}, 3],
    ['a share', small, [2, 1], {}, 2],
    ['another model', large, [1], {}, 2],
    ['its share', large, [1, 3, 2], { kvFormat: 'q8', kvPages: 40 }, 1],
    ['long steps', large, [1], { maxStepTokens: 200, kvFormat: 'f32' }, 4],
  ] as const)('is what the rank’s memory grows to: %s', (_, model, shares, change, threads) => {
    const memories: WebAssembly.Memory[] = [];
    const startKernels = (memory: WebAssembly.Memory) => {
      memories.push(memory);
      // The builds for threads are not needed where no step is run.
      return { ...loadKernels(kernelBytes), memory };
    };
    const createRank = kernelRanks({
      startKernels,
      threads: { count: threads, loads: false, start: async () => {} },
      sources: noSources,
    });
    const rankOptions = { ...options, ...change };
    for (const assignment of planByShares(tileSpecs(model), shares)) {
      const bytes = rankBytes(model, assignment, rankOptions, threads);
      createRank(rankSetup(model, assignment, rankOptions)).close();
      const [memory, ...others] = memories.splice(0);
      expect(others).toEqual([]);
      expect(memory!.buffer.byteLength).toBe(Math.ceil((bytes.tiles + bytes.rest) / 65536) * 65536);
    }
  });

  test('tells weights from the rest', () => {
    const before = rankBytes(small, whole(), options, 1);
    expect(before.tiles).toBe(tileSpecs(small).reduce((sum, { byteLength }) => sum + byteLength, 0));
    const pages = rankBytes(small, whole(), { ...options, kvPages: 16 }, 1);
    // K and V in halves: 64 positions of 32 dimensions, in 4 heads of 2 layers.
    expect(pages).toEqual({ tiles: before.tiles, rest: before.rest + 8 * (2 * 64 * 32 * 2) * 4 * 2 });
    const threads = rankBytes(small, whole(), options, 2);
    expect(threads.tiles).toBe(before.tiles);
    expect(threads.rest).toBeGreaterThan(before.rest);
  });

  test('may be more than a memory holds', () => {
    const wide = description({ hiddenSize: 8192, layerCount: 80, intermediateSize: 28672 });
    const { tiles } = rankBytes(wide, whole(wide), options, 2);
    expect(tiles).toBeGreaterThan(2 ** 35);
  });
});
