import { describe, expect, test } from 'vitest';
import { LayoutCost } from '../../runtime/plan/cost.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { Random } from '../../runtime/sampling/random.ts';
import { Simulation } from '../../runtime/simulation/simulation.ts';
import { device, largeModel, link, planOptions, smallModel } from '../support/plan.ts';

const small = modelWork(smallModel(), planOptions);
const large = modelWork(largeModel(), planOptions);

/** Stages of so many layers each, with a share for each device. */
function layoutOf(
  layers: readonly number[],
  shares: readonly (readonly number[])[],
  microBatchTokens = 32,
): Layout {
  let endLayer = 0;
  const stages = layers.map((count, i) => {
    const firstLayer = endLayer;
    endLayer += count;
    return { firstLayer, endLayer, shares: shares[i]! };
  });
  return { stages, vocabularyShares: shares.at(-1)!, microBatchTokens };
}

function randomDevices(random: Random, count: number): DeviceProfile[] {
  return Array.from({ length: count }, (_, i) => {
    const speed = 2e9 * (1 + 15 * random.nextUnit());
    return device({
      name: `device ${i}`,
      memoryBytes: 1e12,
      threads: 1 + (random.nextUint32() % 4),
      kernels: { Q4_0: { decodeBytesPerSecond: speed, prefillFlopsPerSecond: 10 * speed } },
      link:
        i === 0 && random.nextUnit() < 0.5
          ? undefined
          : link(0.3 + 10 * random.nextUnit(), 5e6 + 100e6 * random.nextUnit()),
    });
  });
}

function compare(cost: LayoutCost): { tpot: number; ttft: number; batch: number } {
  const { tpotMs, ttftMs, batchTpotMs } = cost.predict();
  const play = new Simulation(cost);
  const { sequences } = cost.problem.usage;
  return {
    tpot: play.decode(1)[0]! / tpotMs,
    ttft: play.prompt() / ttftMs,
    batch: play.decode(1, sequences)[0]! / batchTpotMs,
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const even = (count: number) => Array.from({ length: count }, () => 1);

describe('the cost model and the simulation agree', () => {
  test.each([
    ['solo', [22], [[1]]],
    [
      'a pipeline of three',
      [8, 7, 7],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    ],
    ['two that swap', [22], [[3, 2]]],
    ['a star of four', [22], [[4, 3, 2, 1]]],
    [
      'a hybrid',
      [10, 12],
      [
        [2, 1, 0, 0, 0],
        [0, 0, 1, 1, 1],
      ],
    ],
    ['a star of sixteen', [22], [even(16)]],
  ])('%s', (_, layers, shares) => {
    const random = new Random(7);
    const ratios = Array.from({ length: 20 }, () => {
      const problem = problemOf(small, randomDevices(random, shares[0]!.length));
      return compare(new LayoutCost(problem, layoutOf(layers, shares)));
    });
    for (const { tpot, ttft, batch } of ratios) {
      expect(Math.abs(tpot - 1)).toBeLessThan(0.03);
      expect(Math.abs(batch - 1)).toBeLessThan(0.03);
      // Where two parts take turns, who comes first to a shared connection is a guess.
      expect(Math.abs(ttft - 1)).toBeLessThan(0.15);
    }
    expect(Math.abs(mean(ratios.map(({ tpot }) => tpot)) - 1)).toBeLessThan(0.01);
    expect(Math.abs(mean(ratios.map(({ ttft }) => ttft)) - 1)).toBeLessThan(0.03);
    expect(Math.abs(mean(ratios.map(({ batch }) => batch)) - 1)).toBeLessThan(0.01);
  });

  test('64 devices with a model of 70 billion weights', () => {
    const problem = problemOf(large, randomDevices(new Random(3), 64));
    const { tpot, ttft } = compare(new LayoutCost(problem, layoutOf([80], [even(64)])));
    expect(Math.abs(tpot - 1)).toBeLessThan(0.02);
    expect(Math.abs(ttft - 1)).toBeLessThan(0.02);
  });

  test('weights that stream', () => {
    const devices = [1, 2].map((i) =>
      device({ name: `${i}`, memoryBytes: 250e6 * i, diskBytesPerSecond: 1e9, link: link(2) }),
    );
    const layouts = [
      layoutOf([22], [[1, 1]]),
      layoutOf(
        [11, 11],
        [
          [1, 0],
          [0, 1],
        ],
      ),
    ];
    for (const layout of layouts) {
      const cost = new LayoutCost(problemOf(small, devices), layout);
      expect(cost.fits).toBe(true);
      expect(cost.memory[0]!.streamedBytes).toBeGreaterThan(50e6);
      const { tpot, ttft } = compare(cost);
      expect(Math.abs(tpot - 1)).toBeLessThan(0.03);
      expect(Math.abs(ttft - 1)).toBeLessThan(0.05);
    }
  });

  test('links that vary, on average', () => {
    for (const count of [2, 4, 16]) {
      const devices = even(count).map((_, i) =>
        device({ name: `${i}`, memoryBytes: 1e12, link: link(4, 20e6, 12) }),
      );
      const cost = new LayoutCost(problemOf(small, devices), layoutOf([22], [even(count)]));
      const { tpotMs } = cost.predict();
      const played = mean(new Simulation(cost, { seed: 1, computeJitter: 0.05 }).decode(20));
      expect(played / tpotMs).toBeGreaterThan(0.85);
      expect(played / tpotMs).toBeLessThan(1.25);
    }
  });
});

describe('a simulation', () => {
  const problem = problemOf(small, [
    device({ memoryBytes: 1e12 }),
    device({ memoryBytes: 1e12, link: link(2, 50e6, 9) }),
  ]);
  const cost = new LayoutCost(problem, layoutOf([22], [[1, 1]]));

  test('is the same for a seed, and another for another', () => {
    const play = (seed: number) => new Simulation(cost, { seed }).decode(5);
    expect(play(1)).toEqual(play(1));
    expect(play(1)).not.toEqual(play(2));
    expect(new Set(play(1)).size).toBe(5);
  });

  test('without a seed has no chance in it', () => {
    const [first, second] = new Simulation(cost).decode(2);
    expect(second).toBeCloseTo(first!, 6);
  });
});
