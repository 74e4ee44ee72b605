import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { diskBytes } from '../../../coordinator/bench/disk-bytes.ts';
import { type BenchPlan, measure } from '../../../coordinator/bench/measure.ts';
import { ToldArrangement } from '../../../coordinator/bench/told-arrangement.ts';
import { Door } from '../../../coordinator/cli/door.ts';
import type { Cluster } from '../../../coordinator/cluster/cluster.ts';
import { Engine } from '../../../coordinator/engine.ts';
import { openModel } from '../../../coordinator/files/open-model.ts';
import { type PlanReport, planReport } from '../../../coordinator/planning/plan-report.ts';
import { plannableProfile } from '../../../coordinator/probe/device-profile.ts';
import { systemClock } from '../../../device-agent/clock.ts';
import { plainLogger } from '../../../device-agent/node/plain-logger.ts';
import { type Candidate, partsOf } from '../../../runtime/plan/planner.ts';
import { problemOf } from '../../../runtime/plan/problem.ts';
import { type ModelWork, modelWork } from '../../../runtime/plan/workload.ts';

/** The coordinator of `hot-cold.mjs`: with one more device it computes in ways that take turns; prints JSON. */
const { values: given } = parseArgs({
  options: {
    model: { type: 'string' },
    memory: { type: 'string' },
    predict: { type: 'boolean' },
    disk: { type: 'boolean' },
    rounds: { type: 'string' },
    prompt: { type: 'string' },
    generate: { type: 'string' },
  },
});
const [memoryBytes, rounds, prompt, generate] = [
  given.memory,
  given.rounds,
  given.prompt,
  given.generate,
].map(Number) as [number, number, number, number];
const told = new ToldArrangement(systemClock);
let engine: Engine | undefined;
const door = await Door.open(
  { port: 0, host: '127.0.0.1' },
  { engine: () => engine, models: () => [], logger: plainLogger, onError: () => {} },
);
engine = await Engine.start({
  model: await openModel(given.model, given.predict ? { threshold: 0 } : undefined),
  localRanks: 1,
  kvFormat: 'f16',
  threads: 1,
  memoryBytes,
  ...(!given.disk && { cacheBytes: 0 }),
  parallel: 1,
  contextLength: prompt + generate,
  joinable: true,
  arrange: told.arrange,
  logger: plainLogger,
});
const { cluster, model, rankOptions } = engine;
door.letDevicesIn();
process.stderr.write(`waiting: ${door.sayHowToJoin()}\n`);
while (cluster.members.length < 2 || cluster.members.some((member) => !plannableProfile(member)))
  await sleep(100);

const devices = cluster.members.map((member) => plannableProfile(member)!);
// As for an answer; fewer tokens of it are measured.
const usage = { promptTokens: prompt, answerTokens: 256, sequences: 1 };
const work = modelWork(model.description, rankOptions, model.rowShares);
const planned = planReport(work, devices, 'latency', undefined, usage);
const alikeTensor = tensorOf(planReport(alike(work), devices, 'latency', undefined, usage));
/** What is compared; what is planned may have no layers that devices share. */
const plans: Readonly<Record<string, Candidate>> = { alike: alikeTensor, hot: tensorOf(planned), planned };
const problem = problemOf(work, devices, usage);
const bench: BenchPlan = { promptTokens: prompt, generateTokens: generate, depth: prompt, repetitions: 1 };
for (let round = 0; round < rounds; round += 1)
  // Who comes first changes, since machines drift.
  for (const [name, plan] of round % 2 === 0 ? Object.entries(plans) : Object.entries(plans).reverse()) {
    await told.use(cluster, plan.layout, partsOf(problem, plan.layout));
    const digest = await digestOf(cluster);
    const { prefill, decode } = await measure(cluster, bench, { nowMs: systemClock.nowMs, diskBytes });
    const tokenMs = 1000 / decode.medianTokensPerSecond;
    const promptMs = (1000 * prompt) / prefill.medianTokensPerSecond;
    process.stderr.write(`round: ${JSON.stringify({ name, tokenMs, promptMs, digest })}\n`);
  }
process.stdout.write(`\n${JSON.stringify({ devices, plans })}\n`);
process.exit(0);

/** The best that was found of those that share all layers. */
function tensorOf({ alternatives }: PlanReport): Candidate {
  return alternatives.find(({ kind }) => kind === 'tensor')!;
}

/** As if nothing were known of which tiles are hot. */
function alike({ sublayers, specs, ...rest }: ModelWork): ModelWork {
  return {
    ...rest,
    specs: specs.map(({ firing: _, ...spec }) => spec),
    sublayers: sublayers.map((tiles) => ({ ...tiles, loads: undefined })),
  };
}

/** SHA-256 of the logits of a few tokens. */
async function digestOf(runner: Cluster): Promise<string> {
  const hash = createHash('sha256');
  for (const [start, count] of [
    [0, 8],
    [8, 1],
    [9, 1],
  ] as const) {
    const tokens = Array.from({ length: count }, (_, i) => (start + i + 1) * 97);
    const rows = await runner.step([{ slot: 0, start, count, logits: 'last', tokens }]);
    for (const row of rows) hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  }
  return hash.digest('hex');
}
