import { describe, expect, test } from 'vitest';
import { LayoutCost } from '../../runtime/plan/cost.ts';
import { scoreOf } from '../../runtime/plan/goal.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { planCluster } from '../../runtime/plan/planner.ts';
import { type Problem, problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { type ModelWork, modelWork, weightBytes } from '../../runtime/plan/workload.ts';
import { device, link, planOptions, smallModel } from '../support/plan.ts';
import { sparseShape } from '../support/sparse-description.ts';

const options = { ...planOptions, contextLength: 512, kvPages: 8 };
const usage = { promptTokens: 16, answerTokens: 128, sequences: 1 };
const kernels = (bytesPerSecond: number) => ({
  Q4_0: { decodeBytesPerSecond: bytesPerSecond, prefillFlopsPerSecond: 10 * bytesPerSecond },
});

function workOf(isPredicted: boolean): ModelWork {
  const { description, shares } = sparseShape(smallModel(), isPredicted);
  return modelWork(description, options, shares);
}

/** A fast device with memory for a part of the weights, and a third as fast a one. */
function devicesFor(work: ModelWork, part: number, given: Partial<DeviceProfile> = {}): DeviceProfile[] {
  const memoryBytes = part * weightBytes(work) + 30e6;
  return [
    device({ name: 'fast', kernels: kernels(6e9), memoryBytes, ...given }),
    device({ name: 'slow', kernels: kernels(2e9), memoryBytes: 2e9, link: link(0.2) }),
  ];
}

const scored = (problem: Problem, layout: Layout) => scoreOf('latency', new LayoutCost(problem, layout));

/** All ways to share all layers on a grid; with shares of FFN tiles, or without. */
function bestOfGrid(problem: Problem, isHot: boolean): number {
  const grid = Array.from({ length: 14 }, (_, i) => 0.3 + 0.05 * i);
  let best = Number.POSITIVE_INFINITY;
  for (const attention of [0.5, 0.75, 1 - 1e-6])
    for (const head of [0, 0.25, 0.5, 0.75, 1])
      for (const ffn of grid)
        for (const keepsShares of [false, true]) {
          const both = (share: number) => [share, 1 - share];
          const stage = { firstLayer: 0, endLayer: 22 };
          const stages = isHot
            ? [{ ...stage, shares: both(attention), ffnShares: both(ffn) }]
            : [{ ...stage, shares: both(ffn) }];
          const layout = { stages, vocabularyShares: both(head), microBatchTokens: 32, keepsShares };
          best = Math.min(best, scored(problem, layout));
        }
  return best;
}

describe('a plan of a sparse model, where the fast device lacks memory', () => {
  test.each([
    ['exact', 0.5, 1.1],
    ['exact', 0.35, 1.1],
    ['predicted', 0.5, 1.3],
    ['predicted', 0.35, 1.3],
  ] as const)(
    'is hardly worse than any, and better than without hot tiles: %s, %d',
    (way, part, leastGain) => {
      const work = workOf(way === 'predicted');
      const problem = problemOf(work, devicesFor(work, part), usage);
      const { layout, prediction } = planCluster(problem, 'latency');
      expect(prediction.fits).toBe(true);
      expect(layout.stages[0]!.ffnShares).toBeDefined();
      const score = scored(problem, layout);
      expect(score / bestOfGrid(problem, true)).toBeLessThan(1.03);
      expect(bestOfGrid(problem, false) / score).toBeGreaterThan(leastGain);
    },
  );

  test('has nothing of it where memory is not the limit, or tiles are alike', () => {
    const sparse = workOf(true);
    const dense = modelWork(smallModel(), options);
    for (const [work, part] of [
      [sparse, 2],
      [dense, 0.5],
    ] as const) {
      const { layout } = planCluster(problemOf(work, devicesFor(work, part), usage), 'latency');
      expect(layout.stages.every(({ ffnShares }) => !ffnShares)).toBe(true);
    }
  });

  test('knows what reading cold neurons costs', () => {
    const work = workOf(false);
    const fast = (given: Partial<DeviceProfile>) =>
      problemOf(work, devicesFor(work, 0.5, { diskBytesPerSecond: 1e9, ...given }).slice(0, 1), usage);
    const alone = {
      stages: [{ firstLayer: 0, endLayer: 22, shares: [1] }],
      vocabularyShares: [1],
      microBatchTokens: 32,
    };
    const token = (given: Partial<DeviceProfile>) => new LayoutCost(fast(given), alone).tpotMs(1);
    const whole = token({});
    const [quick, slow] = [token({ seekBytes: 4000 }), token({ seekBytes: 40_000 })];
    expect(quick).toBeLessThan(0.6 * whole);
    expect(slow).toBeGreaterThan(1.1 * quick);
    // So much that single neurons are not worth a read, though threads for it take memory.
    const dear = token({ seekBytes: 1 << 24 });
    expect(dear).toBeGreaterThanOrEqual(whole);
    expect(dear).toBeLessThan(1.2 * whole);
    // A prompt wants all of them.
    const prompt = (given: Partial<DeviceProfile>) => new LayoutCost(fast(given), alone).ttftMs();
    expect(prompt({ seekBytes: 4000 })).toBeGreaterThan(0.5 * prompt({}));
    // Neither where everything fits.
    const roomy = { memoryBytes: 2e9 };
    expect(token({ ...roomy, seekBytes: 4000 })).toBe(token(roomy));
  });
});
