import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AgentServer } from '../../coordinator/cluster/agent-server.ts';
import { arrangeAll } from '../../coordinator/cluster/arrangement.ts';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { ClusterOptions } from '../../coordinator/cluster/cluster-options.ts';
import { pipelineLayout } from '../../coordinator/cluster/seat-layouts.ts';
import type { CreateRank } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { joinCoordinator } from '../../device-agent/node/join.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { startLoader } from '../../device-agent/node/loader-thread.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { arenaLimit } from '../support/arena-limit.ts';
import { memorySource } from '../support/memory-source.ts';
import { noSources } from '../support/rank-host.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { joinDevice, secret, sessionOptions, testCredentials, testPairing } from './test-cluster.ts';

const rankOptions: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 16,
  maxSequences: 2,
  contextLength: 64,
  kvPages: 2,
};
const layerCount = 4;

let model: ModelFile;
let expected: Float32Array[];

/** Everything that a test starts, to be ended in reverse order. */
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function started(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ model, rankOptions, deviceWaitMs: 20_000, ...options });
  cleanups.push(() => cluster.close());
  return cluster;
}

/** A prompt in chunks, beside another sequence; then a token of each. */
async function play(cluster: Cluster): Promise<Float32Array[]> {
  const sequence = (slot: number, start: number, count: number, logits: 'all' | 'last' | 'none') => ({
    slot,
    start,
    count,
    logits,
    tokens: Array.from({ length: count }, (_, i) => ((slot * 50 + start + i) * 397 + 11) % 2600),
  });
  return [
    ...(await cluster.step([sequence(0, 0, 9, 'all'), sequence(1, 0, 6, 'none')])),
    ...(await cluster.step([sequence(0, 9, 2, 'none')])),
    ...(await cluster.step([sequence(0, 11, 1, 'last'), sequence(1, 6, 1, 'last')])),
  ];
}

const plain = kernelRanks({ startKernels, sources: noSources });
const threaded = (count: number): CreateRank =>
  kernelRanks({ startKernels, sources: noSources, threads: nodeThreads(count, silentLogger) });
/** In two memories. */
const divided: CreateRank = (setup) => {
  const arenaLimitBytes = arenaLimit(setup.description, setup.assignment, setup.options, 2, 2);
  const threads = nodeThreads(2, silentLogger);
  return kernelRanks({ startKernels, sources: noSources, threads, arenaLimitBytes })(setup);
};

/** With memory for a part of its weights. */
async function streaming(): Promise<CreateRank> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const room = { folder, limitBytes: 1e9, keepFreeBytes: 0 };
  return (setup) => {
    const { tiles, rest } = rankBytes(setup.description, setup.assignment, setup.options, 2);
    return kernelRanks({
      startKernels,
      threads: nodeThreads(2, silentLogger),
      sources: { cache: new FolderTileCache(room), model: undefined, sha256: nodeSha256 },
      memoryBytes: Math.floor(rest + 0.6 * tiles),
      startLoader: (job) => startLoader(job, room, silentLogger),
    })(setup);
  };
}

beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0', layerCount })));
  const cluster = new Cluster({ model, rankOptions });
  await joinDevice(cluster, 'solo', plain);
  expected = await play(cluster);
  cluster.close();
  expect(new Set(expected.map((row) => row[7])).size).toBe(expected.length);
});

/** Ranks 0 and 1 compute the first two layers, rank 1 the third, ranks 1 and 2 the last; the head is rank 0's and 2's. */
const hybrid: Omit<Layout, 'microBatchTokens'> = {
  stages: [
    { firstLayer: 0, endLayer: 2, shares: [2, 1, 0] },
    { firstLayer: 2, endLayer: 3, shares: [0, 1, 0] },
    { firstLayer: 3, endLayer: 4, shares: [0, 1, 3] },
  ],
  vocabularyShares: [1, 0, 1],
};
/** All compute all layers, and the head of the next. */
const together: Omit<Layout, 'microBatchTokens'> = {
  stages: [{ firstLayer: 0, endLayer: 4, shares: [1, 1, 1] }],
  vocabularyShares: [1, 1, 1],
};

describe('a layout gives the bits of one rank', { timeout: 60_000 }, () => {
  it.each([
    ['in stages of two, one and two', hybrid],
    ['in one stage of three', together],
  ])('%s, whatever its ranks are like', async (_, layout) => {
    for (const [microBatchTokens, kinds] of [
      [3, [plain, threaded(2), threaded(3)]],
      [1, [divided, await streaming(), plain]],
      [4, [await streaming(), divided, threaded(2)]],
      [16, [plain, plain, await streaming()]],
    ] as const) {
      const cluster = started({
        minDevices: 3,
        arrange: arrangeAll(() => ({ ...layout, microBatchTokens })),
      });
      for (const [i, createRank] of kinds.entries()) await joinDevice(cluster, `device ${i}`, createRank);
      expect(await play(cluster), `micro-batches of ${microBatchTokens}`).toEqual(expected);
      expect(await play(cluster)).toEqual(expected);
    }
  });
});

/** Calls when a rank yields for the n-th time. */
function interrupted(event: number, call: () => void): CreateRank {
  return (setup) => {
    const host = plain(setup);
    const { rank } = host;
    let events = 0;
    const step: typeof rank.step = function* (...input) {
      const steps = rank.step(...input);
      try {
        for (let next = steps.next(); ; next = steps.next()) {
          if (next.done) return next.value;
          events += 1;
          if (events === event) setImmediate(call);
          yield next.value;
        }
      } finally {
        steps.return([]);
      }
    };
    const scripted = { step, codecOf: rank.codecOf.bind(rank), release: rank.release.bind(rank) };
    return Object.assign(Object.create(host), {
      rank: scripted,
      load: host.load.bind(host),
      deliver: host.deliver.bind(host),
      memory: host.memory.bind(host),
      close: host.close.bind(host),
    });
  };
}

/** A pipeline of so many ranks over WebSockets, of which one leaves when its rank yields for the n-th time. */
async function overSockets(ranks: number, leaves: number, event: number) {
  const cluster = started({ minDevices: ranks, arrange: arrangeAll(pipelineLayout(layerCount)) });
  const server = createServer();
  const agents = new AgentServer({ pairing: testPairing(), onMember: (member) => cluster.add(member) });
  agents.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    agents.close();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let i = 0; i < ranks; i += 1) {
    const stop = new AbortController();
    const createRank = i === leaves ? interrupted(event, () => stop.abort()) : plain;
    const { name, ...device } = sessionOptions(`device ${i}`, { createRank });
    const who = { secret, credentials: testCredentials(), name };
    const done = joinCoordinator({ url, ...who, signal: stop.signal, device }).catch(() => {});
    cleanups.push(() => {
      stop.abort();
      return done;
    });
    await expect.poll(() => cluster.deviceStates().length, { timeout: 10_000 }).toBe(i + 1);
  }
  return cluster;
}

describe('a pipeline over WebSockets', { timeout: 60_000 }, () => {
  it.each([
    ['the first, in its first layer', 0, 1],
    ['the first, when it passes a residual on', 0, 3],
    ['the second, when it waits for one', 1, 1],
    ['the last, in a later step', 2, 5],
  ])('goes on with the same bits when it loses %s', async (_, leaves, event) => {
    const cluster = await overSockets(3, leaves, event);
    await expect(play(cluster)).rejects.toMatchObject({
      code: expect.stringMatching(/DEVICE_LOST|CACHE_LOST/),
    });
    expect(await play(cluster)).toEqual(expected);
    expect(cluster.deviceStates()).toHaveLength(2);
  });
});
