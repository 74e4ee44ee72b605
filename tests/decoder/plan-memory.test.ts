import { describe, expect, test } from 'vitest';
import { planMemory } from '../../runtime/decoder/plan-memory.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { stageBytes } from '../../runtime/decoder/stage-bytes.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { leastWindowBytes } from '../../runtime/weights/residency.ts';
import { description } from '../support/description.ts';
import { Random } from '../support/random.ts';

const model = description({ layerCount: 6, intermediateSize: 2048, vocabSize: 4096 });
const specs = tileSpecs(model);
const [assignment] = planByShares(specs, [1]);
const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 32,
  maxSequences: 2,
  contextLength: 128,
  kvPages: 4,
};
const threads = 2;
const whole = rankBytes(model, assignment!, options, threads);

function plan(budgetBytes: number, { arenaLimitBytes = maximumMemoryBytes, streams = true } = {}) {
  const stages = planMemory(model, assignment!, options, threads, { budgetBytes, arenaLimitBytes, streams });
  const sizes = stages.map((stage) => stageBytes(model, specs, stage, options, threads));
  return { stages, bytes: sizes.reduce((sum, { tiles, rest }) => sum + tiles + rest, 0) };
}

describe('planMemory', () => {
  test('keeps all in memory where that suffices', () => {
    const { stages, bytes } = plan(whole.tiles + whole.rest);
    expect(stages.map(({ weightBytes }) => weightBytes)).toEqual([undefined]);
    expect(bytes).toBe(whole.tiles + whole.rest);
  });

  test.each([maximumMemoryBytes, 8_000_000, 4_000_000])('keeps to any budget, in memories of %i', (limit) => {
    const random = new Random(limit);
    const least = plan(whole.rest + whole.tiles).bytes - whole.tiles;
    let streamed = 0;
    for (let i = 0; i < 20; i += 1) {
      const budget = Math.floor(least + (0.5 + 0.5 * random.unit()) * whole.tiles + 2e6);
      const { stages, bytes } = plan(budget, { arenaLimitBytes: limit });
      expect(bytes).toBeLessThanOrEqual(budget);
      for (const { tileIds, weightBytes } of stages) {
        if (weightBytes === undefined) continue;
        streamed += 1;
        const held = tileIds.map((id) => specs[id]!);
        expect(weightBytes).toBeGreaterThanOrEqual(leastWindowBytes(held, threads));
      }
      expect(stages.flatMap(({ tileIds }) => tileIds).filter((id) => id > 0)).toEqual(
        assignment!.tileIds.filter((id) => id > 0),
      );
    }
    expect(streamed).toBeGreaterThan(5);
  });

  test('has room for who reads records, or streams all tiles whole', () => {
    const neuronRows = {
      ...model,
      config: { ...model.config, activation: 'relu' as const },
      neuronRows: true,
    };
    const firing = model.layers.map(() => new Array<number>(8).fill(2));
    const sparse = { ...neuronRows, firing };
    const tiles = tileSpecs(sparse);
    const { rest, tiles: all } = rankBytes(sparse, assignment!, options, threads);
    const planned = (budgetBytes: number, threadBytes: number) => {
      const limits = {
        arenaLimitBytes: maximumMemoryBytes,
        streams: true,
        rows: { seekBytes: 0, threadBytes },
      };
      const stages = planMemory(sparse, assignment!, options, threads, { budgetBytes, ...limits });
      const [stage] = stages;
      const sizes = stageBytes(sparse, tiles, stage!, options, threads);
      return { seekBytes: stage!.seekBytes, bytes: sizes.tiles + sizes.rest };
    };
    const budget = Math.floor(rest + 0.8 * all);
    const withReaders = planned(budget, 300_000);
    expect(withReaders.seekBytes).toBe(0);
    expect(withReaders.bytes).toBeLessThanOrEqual(budget - 300_000);
    const without = planned(budget, all);
    expect(without.seekBytes).toBeUndefined();
    expect(without.bytes).toBeLessThanOrEqual(budget);
    expect(without.bytes).toBeGreaterThan(budget - 300_000);
    expect(planned(rest + all, all).bytes).toBe(rest + all);
  });

  test('uses nearly all of its budget', () => {
    const budget = whole.rest + Math.floor(whole.tiles / 2);
    expect(plan(budget).bytes).toBeGreaterThan(budget - 20_000);
  });

  test('refuses what fits in no way, and tells what it would take', () => {
    const error = (() => {
      try {
        plan(whole.rest);
        return undefined;
      } catch (thrown) {
        return thrown as { code: string; fields: { restBytes: number; tileBytes: number } };
      }
    })();
    expect(error).toMatchObject({ code: 'MEMORY_EXHAUSTED', fields: { budgetBytes: whole.rest } });
    const { restBytes, tileBytes } = error!.fields;
    expect(plan(restBytes + tileBytes).bytes).toBeLessThanOrEqual(restBytes + tileBytes);
    expect(() => plan(restBytes + tileBytes - 8192)).toThrow(
      expect.objectContaining({ code: 'MEMORY_EXHAUSTED' }),
    );
  });

  test('refuses what would have to stream where nothing can', () => {
    const budgetBytes = whole.tiles + whole.rest - 1;
    expect(() => plan(budgetBytes, { streams: false })).toThrow(/cannot stream/);
    expect(plan(budgetBytes).stages[0]!.weightBytes).toBeGreaterThan(0);
  });
});
