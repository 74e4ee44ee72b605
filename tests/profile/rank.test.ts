import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RankHost } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { LogitPart, StepEvent } from '../../runtime/decoder/step.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { type Operation, operations } from '../../runtime/profile/operations.ts';
import type { Spans } from '../../runtime/profile/recorder.ts';
import { arenaLimit } from '../support/arena-limit.ts';
import { memorySource } from '../support/memory-source.ts';
import { loadRank, noSources, rankSetup } from '../support/rank-host.ts';
import { cutAllTiles } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const options = {
  kvFormat: 'f16',
  maxStepTokens: 16,
  maxSequences: 2,
  contextLength: 64,
  kvPages: 2,
} as const;

let model: ModelFile;
let tiles: Uint8Array[];
beforeAll(async () => {
  // Large enough that a step is long beside what is measured around it.
  const shape = {
    type: 'Q4_0',
    hiddenSize: 512,
    intermediateSize: 2048,
    headCount: 8,
    kvHeadCount: 4,
  } as const;
  model = await openModelFile(memorySource(await syntheticModel(shape)));
  tiles = await cutAllTiles(model);
});

const hosts: RankHost[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

async function rankHost(threads: number, profiled: boolean, arenas = 1): Promise<RankHost> {
  const [assignment] = planByShares(model.tiles, [1]);
  const limit = arenaLimit(model.description, assignment!, options, threads, arenas);
  const createRank = kernelRanks({
    startKernels,
    threads: nodeThreads(threads, silentLogger),
    sources: noSources,
    arenaLimitBytes: limit,
  });
  const host = createRank(rankSetup(model.description, assignment!, options, profiled));
  hosts.push(host);
  await loadRank(host, tiles);
  return host;
}

interface Stepped {
  readonly parts: readonly LogitPart[];
  readonly spans: readonly Spans[];
  /** By a clock around the step. */
  readonly wallMs: number;
}

async function step({ rank, profile }: RankHost, stepId: number, count: number): Promise<Stepped> {
  const header = { stepId, sequences: [{ slot: 0, start: 0, count, logits: 'last' as const }] };
  const embeddings = new Float32Array(count * model.config.hiddenSize);
  await model.embed(
    Array.from({ length: count }, (_, i) => i * 7 + 3),
    embeddings,
  );
  const startMs = performance.now();
  profile?.begin();
  const steps = rank.step(header, embeddings);
  let next: IteratorResult<StepEvent, readonly LogitPart[]> = steps.next();
  while (!next.done) next = steps.next();
  const wallMs = performance.now() - startMs;
  return { parts: next.value, spans: profile?.end() ?? [], wallMs };
}

const sumMs = ({ durationsUs }: Spans) => durationsUs.reduce((sum, us) => sum + us, 0) / 1000;
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const lacks = (spans: Spans, names: readonly Operation[]) =>
  names.filter(({ number }) => !spans.operations.includes(number)).map(({ label }) => label);
/** Without the wait for the end of the leader's step, which may be none. */
const done = ({ operations: numbers }: Spans) =>
  numbers.at(-1) === operations.idle.number ? numbers.slice(0, -1) : numbers;

const everyThread = [
  operations.open,
  operations.norm,
  operations.quantise,
  operations.queryKeyValue,
  operations.rope,
  operations.storeKv,
  operations.attention,
  operations.attentionOutput,
  operations.gateUp,
  operations.swiglu,
  operations.down,
  operations.vocabulary,
  operations.addPartial,
  operations.reduce,
  operations.apply,
  operations.logits,
];

describe('a rank that is profiled', () => {
  test.each([
    [1, 1],
    [2, 1],
    [2, 3],
  ])('says of %i threads over %i memories what each did, and leaves nothing out', async (threads, arenas) => {
    const host = await rankHost(threads, true, arenas);
    const steps: Stepped[] = [];
    for (let id = 0; id < 15; id += 1) steps.push(await step(host, id, id % 2 === 0 ? 1 : 13));
    const waits = threads > 1 ? [operations.barrier] : [];
    for (const { spans } of steps) {
      expect(spans).toHaveLength(threads);
      expect(spans.map(({ lost }) => lost)).toEqual(spans.map(() => 0));
    }
    // A single token is one thread's to normalise; of thirteen both have some.
    for (const spans of steps[1]!.spans) expect(lacks(spans, [...everyThread, ...waits])).toEqual([]);
    for (const thread of Array(threads).keys()) {
      const accounted = steps.map(({ spans, wallMs }) => sumMs(spans[thread]!) / wallMs);
      expect(median(accounted)).toBeGreaterThanOrEqual(0.97);
      expect(median(accounted)).toBeLessThanOrEqual(1.001);
    }
  });

  test('computes the same bits as one that is not', async () => {
    const profiled = await rankHost(2, true);
    const plain = await rankHost(2, false);
    expect(plain.profile).toBeUndefined();
    for (const count of [13, 1]) {
      const [one, other] = [await step(profiled, count, count), await step(plain, count, count)];
      expect(one.parts).toEqual(other.parts);
      expect(new Set(one.parts[0]!.values).size).toBeGreaterThan(100);
    }
  });

  test('goes on after a step that was abandoned', async () => {
    const host = await rankHost(2, true);
    const whole = await step(host, 0, 13);
    host.profile!.begin();
    const header = { stepId: 1, sequences: [{ slot: 0, start: 0, count: 1, logits: 'last' as const }] };
    const abandoned = host.rank.step(header, new Float32Array(model.config.hiddenSize).fill(1));
    abandoned.next();
    abandoned.return([]);
    const { spans } = await step(host, 2, 13);
    expect(spans.map(done)).toEqual(whole.spans.map(done));
  });
});
