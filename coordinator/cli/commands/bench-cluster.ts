import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../device-agent/clock.ts';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import type { KvFormat } from '../../../runtime/kernels/kv-page.ts';
import type { Goal } from '../../../runtime/plan/goal.ts';
import { compareLayouts } from '../../bench/compare-layouts.ts';
import { formatComparison } from '../../bench/comparison-report.ts';
import { diskBytes } from '../../bench/disk-bytes.ts';
import { ToldArrangement } from '../../bench/told-arrangement.ts';
import { Engine } from '../../engine.ts';
import { openModel } from '../../files/open-model.ts';
import { type DeviceOptions, deviceSettings } from '../device-options.ts';
import { Door } from '../door.ts';
import type { DoorOptions } from '../door-options.ts';
import { printJson } from '../output.ts';
import { approximationChoice, type PredictOptions } from '../predict-options.ts';
import { stopSignal } from '../stop-signal.ts';

export interface ClusterBenchOptions extends DeviceOptions, DoorOptions, PredictOptions {
  readonly prompt: number;
  readonly generate: number;
  readonly repetitions: number;
  readonly kv: KvFormat;
  readonly goal: Goal;
  /** To wait for, this one included. */
  readonly cluster: number;
  readonly json?: boolean;
}

/** Waits for devices, has them share a model in one way after the other, and prints what was predicted and measured. */
export async function benchCluster(path: string | undefined, options: ClusterBenchOptions): Promise<void> {
  const { prompt, generate, repetitions, kv, goal } = options;
  const told = new ToldArrangement(systemClock);
  const model = await openModel(path, approximationChoice(options));
  let engine: Engine | undefined;
  const onError = (error: unknown) => plainLogger.error({ error }, 'a request failed');
  const door = await Door.open(options, {
    engine: () => engine,
    models: () => [],
    logger: plainLogger,
    onError,
  });
  try {
    engine = await Engine.start({
      model,
      localRanks: 1,
      kvFormat: kv,
      ...deviceSettings(options),
      parallel: 1,
      contextLength: prompt + generate,
      joinable: true,
      arrange: told.arrange,
      logger: plainLogger,
    });
    door.letDevicesIn();
    await waitForDevices(engine, door, options.cluster);
    // Tokens are generated behind the prompt, as in an answer.
    const bench = { promptTokens: prompt, generateTokens: generate, depth: prompt, repetitions };
    const gauges = { nowMs: systemClock.nowMs, diskBytes };
    const comparison = await compareLayouts(engine, told, goal, bench, gauges, (names) =>
      say(`measuring: ${names.join(', ')}`),
    );
    if (options.json) printJson(comparison);
    else process.stdout.write(formatComparison(comparison));
  } finally {
    await door.close();
    await engine?.close();
  }
}

async function waitForDevices({ cluster }: Engine, door: Door, wanted: number): Promise<void> {
  const stop = stopSignal();
  const missing = wanted - cluster.members.length;
  if (missing > 0) say(`waiting for ${missing} more to join:\n  ${door.sayHowToJoin()}`);
  while (cluster.members.length < wanted) await sleep(100, undefined, { signal: stop });
}

/** Beside what programs read. */
function say(words: string): void {
  process.stderr.write(`${words}\n`);
}
