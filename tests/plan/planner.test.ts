import { describe, expect, test } from 'vitest';
import { LayoutCost } from '../../runtime/plan/cost.ts';
import { type Goal, goals, scoreOf } from '../../runtime/plan/goal.ts';
import { kindOf } from '../../runtime/plan/kind.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline } from '../../runtime/plan/layouts.ts';
import { planCluster } from '../../runtime/plan/planner.ts';
import { problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { Random } from '../../runtime/sampling/random.ts';
import { device, largeModel, link, planOptions, slowKernels, smallModel } from '../support/plan.ts';
import { randomDevices } from '../support/plan-cases.ts';

const small = modelWork(smallModel(), planOptions);
const large = modelWork(largeModel(), planOptions);

/** What is given for fewer devices. */
const tenth = 1.1;

function scoreWith(devices: readonly DeviceProfile[], goal: Goal = 'latency', work = small): number {
  const problem = problemOf(work, devices);
  return scoreOf(goal, new LayoutCost(problem, planCluster(problem, goal).layout));
}

/** Seeded clusters of 2 to 6 devices, most of which hold the small model by themselves. */
function* clusters(seed: number, count: number): Generator<DeviceProfile[]> {
  const random = new Random(seed);
  for (let i = 0; i < count; i += 1) yield randomDevices(random, 2 + (i % 5), i % 2 ? 1.5e9 : 900e6);
}

describe('a plan', () => {
  test('is the same every time', () => {
    for (const devices of clusters(1, 3)) {
      const plans = [1, 2].map(() => planCluster(problemOf(small, devices), 'latency'));
      expect(plans[0]).toEqual(plans[1]);
    }
  });

  test.each(goals)('for %s takes all layers once, and no more memory than there is', (goal) => {
    for (const devices of clusters(2, 5)) {
      const { layout, prediction } = planCluster(problemOf(small, devices), goal);
      expect(layout.stages[0]!.firstLayer).toBe(0);
      expect(layout.stages.at(-1)!.endLayer).toBe(22);
      layout.stages.slice(1).forEach((stage, i) => {
        expect(stage.firstLayer).toBe(layout.stages[i]!.endLayer);
      });
      expect(prediction.fits).toBe(true);
      prediction.devices.forEach(({ memory, computeMs }, rank) => {
        if (computeMs > 0) expect(memory.neededBytes).toBeLessThanOrEqual(devices[rank]!.memoryBytes);
      });
    }
  });

  test('is never slower for a slow device more', () => {
    const phone = device({
      name: 'phone',
      kernels: { Q4_0: { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 8e9 } },
      link: link(28, 3e6),
    });
    let used = 0;
    for (const devices of clusters(3, 8)) {
      const without = scoreWith(devices);
      const problem = problemOf(small, [...devices, phone]);
      const plan = planCluster(problem, 'latency');
      expect(scoreOf('latency', new LayoutCost(problem, plan.layout))).toBeLessThanOrEqual(without * 1.0001);
      if (plan.standBy.every(({ rank }) => rank !== devices.length)) used += 1;
    }
    expect(used).toBe(0);
  });

  test('is never worse for any device more', () => {
    for (const devices of clusters(4, 7)) {
      const fewer = scoreWith(devices.slice(0, -1));
      expect(scoreWith(devices)).toBeLessThanOrEqual(fewer * tenth);
    }
  });

  test.each<[string, (profile: DeviceProfile) => DeviceProfile]>([
    ['memory', (profile) => ({ ...profile, memoryBytes: 1.5 * profile.memoryBytes })],
    ['bandwidth', (profile) => ({ ...profile, link: profile.link && link(profile.link.rttMs, 2e8) })],
    [
      'nearness',
      (profile) => ({ ...profile, link: profile.link && { ...profile.link, rttMs: 0.1, rttP95Ms: 0.1 } }),
    ],
  ])('is hardly ever worse for more %s, and a layout never', (_, better) => {
    for (const devices of clusters(5, 5)) {
      const problem = problemOf(small, devices);
      const improved = problemOf(small, devices.map(better));
      const { layout } = planCluster(problem, 'latency');
      const before = scoreOf('latency', new LayoutCost(problem, layout));
      const after = scoreOf('latency', new LayoutCost(improved, layout));
      expect(after).toBeLessThanOrEqual(before * 1.0001);
      expect(scoreWith(devices.map(better))).toBeLessThanOrEqual(before * tenth);
    }
  });

  test('is a pair that swaps where the link is short, one device where it is long', () => {
    const slow = device({ kernels: slowKernels });
    const pair = (rttMs: number) => [slow, { ...slow, name: 'other', link: link(rttMs) }];
    const kind = (rttMs: number) => kindOf(planCluster(problemOf(small, pair(rttMs)), 'latency').layout);
    expect(kind(0.2)).toBe('tensor');
    const far = planCluster(problemOf(small, pair(60)), 'latency');
    expect(kindOf(far.layout)).toBe('solo');
    expect(far.standBy).toHaveLength(1);
    expect(far.standBy[0]!.withIt!.prediction.tpotMs).toBeGreaterThan(far.prediction.tpotMs);
  });

  test('has a second device only where it is worth waiting for', () => {
    const slow = device({ kernels: slowKernels });
    const gains = [8, 4, 2, 1, 0.5].map((speed) => {
      const rate = (bytes: number) => ({
        Q4_0: { decodeBytesPerSecond: bytes, prefillFlopsPerSecond: 10 * bytes },
      });
      const other = { ...slow, name: 'other', kernels: rate(slowKernels.Q4_0.decodeBytesPerSecond / speed) };
      const problem = problemOf(small, [slow, { ...other, link: link(0.2) }]);
      const plan = planCluster(problem, 'latency');
      const score = (layout: Layout) => scoreOf('latency', new LayoutCost(problem, layout));
      const alone = Math.min(score(pipeline(22, [1, 0], 32)), score(pipeline(22, [0, 1], 32)));
      return { gain: alone / score(plan.alternatives[0]!.layout), plan };
    });
    for (const { gain, plan } of gains) expect(plan.standBy).toHaveLength(gain > tenth ? 0 : 1);
    expect(gains.some(({ gain }) => gain > 1.01 && gain < tenth)).toBe(true);
    expect(gains.some(({ gain }) => gain > tenth)).toBe(true);
  });

  test('gives faster devices more', () => {
    const fast = { Q4_0: { decodeBytesPerSecond: 12e9, prefillFlopsPerSecond: 120e9 } };
    const devices = [
      device({ kernels: slowKernels }),
      device({ name: 'fast', kernels: fast, link: link(0.1) }),
    ];
    const { stages } = planCluster(problemOf(small, devices), 'latency').layout;
    const [slowShare, fastShare] = stages[0]!.shares;
    expect(fastShare! / slowShare!).toBeGreaterThan(1.2);
    expect(fastShare! / slowShare!).toBeLessThan(3);
  });

  test('uses more ranks than there are KV heads, where memory asks for them', () => {
    const devices = Array.from({ length: 8 }, (_, i) =>
      device({ name: `${i}`, memoryBytes: 260e6, link: i === 0 ? undefined : link(0.2) }),
    );
    const { prediction } = planCluster(problemOf(small, devices), 'memory');
    expect(prediction.devices.filter(({ computeMs }) => computeMs > 0).length).toBeGreaterThan(4);
  });

  test('keeps the output head with the coordinator where that is the goal', () => {
    for (const devices of clusters(6, 5)) {
      const { vocabularyShares } = planCluster(problemOf(small, devices), 'private').layout;
      expect(vocabularyShares[0]).toBeGreaterThan(0);
      expect(vocabularyShares.slice(1).every((share) => share === 0)).toBe(true);
    }
    const remote = [device({ link: link() })];
    expect(() => planCluster(problemOf(small, remote), 'private')).toThrow(
      expect.objectContaining({ code: 'PLAN_NO_DEVICES' }),
    );
  });

  test('streams what does not fit, and says with numbers what cannot run at all', () => {
    const tight = [device({ memoryBytes: 400e6, diskBytesPerSecond: 1e9 })];
    const { prediction } = planCluster(problemOf(small, tight), 'latency');
    expect(prediction.devices[0]!.memory.streamedBytes).toBeGreaterThan(200e6);
    expect(prediction.tpotMs).toBeGreaterThan(200);
    const none = [device({ memoryBytes: 400e6 })];
    expect(() => planCluster(problemOf(small, none), 'latency')).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        message: expect.stringMatching(
          /^the model takes 582230016 bytes .* 1 device has room for \d+ .* disk /,
        ),
      }),
    );
    expect(() => planCluster(problemOf(small, []), 'latency')).toThrow(/no device/);
    expect(() => planCluster(problemOf(small, [device({ memoryBytes: 0 })]), 'latency')).toThrow(
      /room for 0/,
    );
  });

  test('stays with what is in use, unless it does not fit or another is clearly better', () => {
    const rated = (name: string, decodeBytesPerSecond: number, memoryBytes = 2e9) =>
      device({
        name,
        memoryBytes,
        kernels: { Q4_0: { decodeBytesPerSecond, prefillFlopsPerSecond: 10 * decodeBytesPerSecond } },
      });
    const solo = pipeline(22, [1, 0], 32);
    const far = { link: link(8) };
    const keeps = (other: DeviceProfile, memoryBytes = 2e9): boolean => {
      const problem = problemOf(small, [rated('a', 20e9, memoryBytes), other]);
      return planCluster(problem, 'latency', solo).layout === solo;
    };
    expect(keeps({ ...rated('b', 20e9), ...far })).toBe(true);
    expect(keeps({ ...rated('b', 25e9), ...far })).toBe(true);
    expect(keeps({ ...rated('b', 80e9), ...far })).toBe(false);
    expect(keeps({ ...rated('b', 20e9), ...far }, 300e6)).toBe(false);
  });

  test('of 64 devices is there at once', { timeout: 30_000 }, () => {
    const devices = randomDevices(new Random(64), 64, 2e9);
    const before = process.cpuUsage();
    const { prediction, alternatives } = planCluster(problemOf(large, devices), 'latency');
    expect(process.cpuUsage(before).user).toBeLessThan(8e6);
    expect(prediction.fits).toBe(true);
    expect(alternatives.length).toBeGreaterThan(1);
  });
});
