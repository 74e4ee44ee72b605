import { describe, expect, test } from 'vitest';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { dealLayout } from '../../runtime/plan/deal.ts';
import { RankMemories } from '../../runtime/plan/memory.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { device, largeModel, planOptions, smallModel } from '../support/plan.ts';

const models = { small: smallModel(), large: largeModel() };

describe('what a rank takes', () => {
  test.each([
    ['small', [1], 1],
    ['small', [3, 2, 1], 4],
    ['large', [5, 1], 4],
    ['large', [1, 1, 1, 1, 1, 1, 1], 2],
  ] as const)('%s model in shares %j with %d threads', (name, shares, threads) => {
    const description = models[name];
    const work = modelWork(description, planOptions);
    const { layerCount } = description.config;
    const stages = [{ firstLayer: 0, endLayer: layerCount, shares }];
    const deal = dealLayout(work, { stages, vocabularyShares: shares, microBatchTokens: 32 });
    const memories = new RankMemories(work);
    for (const assignment of planByShares(work.specs, shares)) {
      const exact = rankBytes(description, assignment, planOptions, threads);
      const held = memories.held(deal, assignment.rank);
      const told = memories.of(held, device({ threads, memoryBytes: 1e15 }));
      expect(told.neededBytes).toBeGreaterThanOrEqual(exact.tiles + exact.rest);
      expect(told.neededBytes).toBeLessThan(1.02 * (exact.tiles + exact.rest));
      expect(told.streamedBytes).toBe(0);
    }
  });

  test('what does not fit streams from a disk, if there is one', () => {
    const work = modelWork(models.large, planOptions);
    const stages = [{ firstLayer: 0, endLayer: 80, shares: [1] }];
    const deal = dealLayout(work, { stages, vocabularyShares: [1], microBatchTokens: 32 });
    const memories = new RankMemories(work);
    const held = memories.held(deal, 0);
    const inMemory = memories.of(held, device({ memoryBytes: 8e9 }));
    expect(inMemory.neededBytes).toBeGreaterThan(39e9);
    const streamed = memories.of(held, device({ memoryBytes: 8e9, diskBytesPerSecond: 1e9 }));
    expect(streamed.neededBytes).toBe(8e9);
    const staying = streamed.weightBytes - streamed.streamedBytes;
    expect(staying + streamed.kvBytes + streamed.restBytes).toBeLessThan(8e9);
    expect(staying + streamed.kvBytes + streamed.restBytes).toBeGreaterThan(7e9);
    // No room for KV pages.
    const nothing = memories.of(held, device({ memoryBytes: 1e9, diskBytesPerSecond: 1e9 }));
    expect(nothing.neededBytes).toBeGreaterThan(1e9);
  });
});
