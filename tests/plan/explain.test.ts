import { describe, expect, test } from 'vitest';
import { explain } from '../../runtime/plan/explain.ts';
import { planCluster } from '../../runtime/plan/planner.ts';
import { problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { typicalDevices } from '../../runtime/plan/typical-devices.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { device, link, planOptions, slowKernels, smallModel } from '../support/plan.ts';

const work = modelWork(smallModel(), planOptions);

function explained(devices: readonly DeviceProfile[], goal: 'latency' | 'memory' = 'latency') {
  const problem = problemOf(work, devices);
  const plan = planCluster(problem, goal);
  return { plan, ...explain(problem, plan) };
}

describe('an explanation', () => {
  test('says why a device stands by, with the numbers', () => {
    const phone = device({ name: 'phone', link: link(14, 20e6) });
    const { standBy, plan, devices, alternatives } = explained([device(), phone]);
    const rate = 1000 / plan.prediction.tpotMs;
    expect(standBy).toHaveLength(1);
    const [, from, to] =
      /^phone stands by: it would slow an answer from ([\d.]+) to ([\d.]+) tokens\/s; /.exec(standBy[0]!)!;
    expect(Number(from)).toBeCloseTo(rate, 0);
    expect(Number(to)).toBeLessThan(Number(from));
    expect(devices.map(([name]) => name)).toEqual(['device', 'laptop']);
    expect(alternatives.map(([kind]) => kind)).toEqual(['layout', 'solo', 'pipeline', 'tensor']);
    expect(Number(alternatives[1]![2])).toBeCloseTo(rate, 0);
  });

  test('has a row for each device, whose computing and waiting is a token', () => {
    const { devices, plan, standBy, summary } = explained([
      device({ kernels: slowKernels }),
      device({ kernels: slowKernels, name: 'b', link: link(0.1) }),
    ]);
    expect(plan.kind).toBe('tensor');
    expect(summary).toMatch(
      /^all layers shared: [\d.]+ tokens\/s, the first token after [\d.]+ s for a prompt of 256/,
    );
    expect(standBy).toEqual([]);
    const [heads, ...rows] = devices;
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      const cell = (name: string) => Number.parseFloat(row[heads!.indexOf(name)]!);
      expect(cell('computes') + cell('waits')).toBeCloseTo(plan.prediction.tpotMs, 0);
      expect(row[heads!.indexOf('layers')]).toBe('0–21');
      expect(cell('syncs')).toBe(44);
    }
  });

  test('says so where a device would gain too little', () => {
    const slow = { Q4_0: { decodeBytesPerSecond: 4e9, prefillFlopsPerSecond: 40e9 } };
    const { standBy } = explained([device(), device({ name: 'b', kernels: slow, link: link(0.1) })]);
    const [, from, to] =
      /^b stands by: from ([\d.]+) to ([\d.]+) tokens\/s is too little to gain for one more to wait for; /.exec(
        standBy[0]!,
      )!;
    expect(Number(to) / Number(from)).toBeGreaterThan(1);
    expect(Number(to) / Number(from)).toBeLessThan(1.1);
  });

  test('names the sync where syncs are what is too much', () => {
    const far = device({
      name: 'far',
      memoryBytes: 600e6,
      link: link(14, 20e6),
    });
    const { standBy } = explained([device({ memoryBytes: 4e9 }), far]);
    expect(standBy[0]).toMatch(/^far stands by: .* ms/);
  });
});

test('typical devices can be planned with', () => {
  const { plan } = explained([device(), ...Object.values(typicalDevices)], 'memory');
  expect(plan.prediction.fits).toBe(true);
});
