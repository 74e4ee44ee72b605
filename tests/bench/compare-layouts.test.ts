import { expect, onTestFinished, test } from 'vitest';
import { compareLayouts } from '../../coordinator/bench/compare-layouts.ts';
import { formatComparison } from '../../coordinator/bench/comparison-report.ts';
import { ToldArrangement } from '../../coordinator/bench/told-arrangement.ts';
import { Engine } from '../../coordinator/engine.ts';
import { openModel } from '../../coordinator/files/open-model.ts';
import { systemClock } from '../../device-agent/clock.ts';

const bench = { promptTokens: 8, generateTokens: 2, depth: 8, repetitions: 1 };
const gauges = { nowMs: systemClock.nowMs, diskBytes: () => undefined };

async function startEngine(told: ToldArrangement, localRanks = 2): Promise<Engine> {
  const engine = await Engine.start({
    model: await openModel('built-in'),
    localRanks,
    kvFormat: 'f16',
    threads: 1,
    parallel: 1,
    contextLength: 64,
    joinable: true,
    arrange: told.arrange,
  });
  onTestFinished(() => engine.close());
  return engine;
}

test('has devices share the work in all ways that are compared, each as it is said', {
  timeout: 60_000,
}, async () => {
  const told = new ToldArrangement(systemClock);
  const engine = await startEngine(told);
  const { cluster, model } = engine;
  const used: unknown[] = [];
  const { plan, runs } = await compareLayouts(engine, told, 'latency', bench, gauges, () => {
    used.push(cluster.arrangement?.layout);
  });
  used.push(cluster.arrangement?.layout);

  const names = runs.flatMap((run) => run.names);
  expect(names[0]).toBe('planned');
  expect(names).toContain('equal tensor');
  expect(names).toContain('equal pipeline');
  expect(new Set(names).size).toBe(names.length);
  expect(runs[0]!.layout).toEqual(plan.layout);
  // What was in use when the next one was announced is what was announced before it.
  const shares = [
    undefined,
    ...runs.map(({ layout, devices }) => (devices.length === 2 ? layout : undefined)),
  ];
  for (const [i, layout] of shares.entries()) if (layout) expect(used[i]).toEqual(layout);
  const alone = runs.filter(({ devices }) => devices.length === 1);
  expect(alone.map(({ devices }) => devices[0]).sort()).toEqual(['local-0', 'local-1']);
  for (const { predicted, measured } of runs)
    for (const ms of [predicted.ttftMs, predicted.tpotMs, measured.ttftMs, measured.tpotMs])
      expect(ms).toBeGreaterThan(0);

  const lines = formatComparison({ plan, runs }).split('\n');
  for (const { names, measured } of runs) {
    const line = lines.find((text) => text.startsWith(`${names.join(', ')} `))!;
    expect(line).toContain((1000 / measured.tpotMs).toFixed(1));
  }
  expect(model.config.layerCount).toBe(runs[0]!.layout.stages.at(-1)!.endLayer);
});

test('before anything is said, nobody computes; a device that is not here cannot be told', async () => {
  const told = new ToldArrangement(systemClock);
  const { cluster, model } = await startEngine(told, 1);
  await expect(cluster.whenReady(0)).rejects.toMatchObject({ code: 'PLAN_NO_DEVICES' });
  const { layerCount } = model.config;
  const layout = {
    stages: [{ firstLayer: 0, endLayer: layerCount, shares: [0, 1] }],
    vocabularyShares: [0, 1],
    microBatchTokens: 32,
  };
  const missing = told.use(cluster, layout, [1]);
  await expect(missing).rejects.toMatchObject({ code: 'PLAN_NO_DEVICES' });
});
