import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { ClusterOptions } from '../../coordinator/cluster/cluster-options.ts';
import { startLocalRank } from '../../coordinator/cluster/local-rank.ts';
import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { unsentLogit } from '../../runtime/decoder/logit-rows.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import { type LoadOptions, loadKernels } from '../../runtime/kernels/kernels.ts';
import { ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { bestTokens } from '../../runtime/sampling/best-tokens.ts';
import { arenaLimit } from '../support/arena-limit.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { noSources } from '../support/rank-host.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { joinDevice } from './test-cluster.ts';

const rankOptions: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 8,
  maxSequences: 3,
  contextLength: 128,
  kvPages: 6,
};

let model: ModelFile;
beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
});

const clusters: Cluster[] = [];
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close();
});

function started(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ model, rankOptions, ...options });
  clusters.push(cluster);
  return cluster;
}

const ranks = (build: LoadOptions['build'] = 'best') =>
  kernelRanks({ startKernels: (memory) => loadKernels(kernelBytes, { build, memory }), sources: noSources });

/** Prefill in chunks, two sequences in one step, a release, a step back. */
async function play(cluster: Cluster): Promise<Float32Array[]> {
  const prompt = [5, 700, 31, 2000, 9];
  const step = (...sequences: StepInput[]) => cluster.step(sequences);
  const rows = await step({ slot: 0, start: 0, count: 5, logits: 'all', tokens: prompt });
  rows.push(
    ...(await step(
      { slot: 0, start: 5, count: 1, logits: 'last', tokens: [77] },
      { slot: 2, start: 0, count: 3, logits: 'last', tokens: [8, 9, 10] },
    )),
  );
  await step({ slot: 0, start: 6, count: 2, logits: 'none', tokens: [1, 2] });
  rows.push(...(await step({ slot: 0, start: 4, count: 1, logits: 'last', tokens: [88] })));
  cluster.release(2);
  rows.push(...(await step({ slot: 2, start: 0, count: 1, logits: 'last', tokens: [8] })));
  return rows;
}

async function soloRows(): Promise<Float32Array[]> {
  const cluster = started();
  await joinDevice(cluster, 'solo', ranks());
  return play(cluster);
}

describe('ranks that compute with the kernels', () => {
  it.each([[[1, 1]], [[3, 2, 1]], [[1, 1, 1, 1, 1]]])('share %j gives the bits of one', async (shares) => {
    const cluster = started({ shares, minDevices: shares.length });
    for (const i of shares.keys()) {
      await joinDevice(cluster, `device ${i}`, ranks(i % 2 === 0 ? 'best' : 'baseline'));
    }
    const rows = await play(cluster);
    expect(rows).toHaveLength(9);
    expect(new Set(rows[0]).size).toBeGreaterThan(1000);
    expect(rows).toEqual(await soloRows());
  });

  it.each([1, 3])(
    'send of %i devices the greatest logits alone where no others are needed',
    async (devices) => {
      const cluster = started({ minDevices: devices });
      for (let i = 0; i < devices; i += 1) await joinDevice(cluster, `device ${i}`, ranks());
      const input = { slot: 0, start: 0, count: 3, logits: 'last', tokens: [5, 6, 7] } as const;
      const [all] = await cluster.step([input]);
      const whole = Float32Array.from(all!);
      const [row] = await cluster.step([{ ...input, best: 4 }]);

      const sent = row!.filter((logit) => logit !== unsentLogit);
      expect(sent.length).toBe(4 * devices);
      for (const token of bestTokens(whole, 4)) expect(row![token]).toBe(whole[token]);
      row!.forEach((logit, token) => {
        if (logit !== unsentLogit) expect(logit).toBe(whole[token]);
      });
    },
  );

  it.each([2, 3])('of which one of %i lies in several memories give the bits of one', async (devices) => {
    const [one] = planByShares(model.tiles, Array(devices).fill(1));
    const limit = arenaLimit(model.description, one!, rankOptions, 1, 2);
    const memories: WebAssembly.Memory[] = [];
    const startKernels = (memory: WebAssembly.Memory) => {
      memories.push(memory);
      return loadKernels(kernelBytes, { memory });
    };
    const cluster = started({ minDevices: devices });
    await joinDevice(
      cluster,
      'several',
      kernelRanks({ startKernels, sources: noSources, arenaLimitBytes: limit }),
    );
    for (let i = 1; i < devices; i += 1) await joinDevice(cluster, `device ${i}`, ranks());
    expect(await play(cluster)).toEqual(await soloRows());
    expect(memories).toHaveLength(2);
  });

  it('go on with the same bits when one leaves and another joins', async () => {
    const cluster = started({ minDevices: 3 });
    const devices = [];
    for (const name of ['a', 'b', 'c']) devices.push(await joinDevice(cluster, name, ranks()));
    const expected = await play(cluster);
    devices[1]!.link.cut();
    expect(await replayed(cluster)).toEqual(expected);
    await joinDevice(cluster, 'd', ranks());
    await cluster.whenReady();
    expect(cluster.deviceStates().map(({ name }) => name)).toEqual(['a', 'd', 'c']);
    expect(await play(cluster)).toEqual(expected);
  });
});

/** Plays until no step is lost to a device that left. */
async function replayed(cluster: Cluster): Promise<Float32Array[]> {
  try {
    return await play(cluster);
  } catch (error) {
    expect(error).toMatchObject({ code: 'DEVICE_LOST' });
    return play(cluster);
  }
}

/** The same model in a file. */
async function modelOnDisk(): Promise<{ model: ModelFile; place: ModelPlace }> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'model.gguf');
  await writeFile(path, await syntheticModel({ type: 'Q4_0' }));
  const opened = new ModelFile(await openGgufAt(path));
  return { model: opened, place: opened.place! };
}

const workerFile = join(packageRoot(), 'dist', 'device-agent', 'node', 'local-worker.js');

const oneThread = { threads: 1, memoryBytes: 2 ** 30 };

describe.skipIf(!existsSync(workerFile))('the local rank (needs a build)', () => {
  it('computes in a thread of its own what one in this thread computes', async () => {
    const cluster = started();
    const { member, stop } = await startLocalRank({ ...oneThread, name: 'this machine' });
    cluster.add(member);
    expect(await play(cluster)).toEqual(await soloRows());
    expect(cluster.deviceStates()).toMatchObject([{ name: 'this machine', link: 'local', state: 'ready' }]);
    await stop();
    await expect.poll(() => cluster.state).toBe('waiting');
  });

  it('cuts its tiles out of the model file by itself', async () => {
    const { model: opened, place } = await modelOnDisk();
    const unsendable = Object.assign(Object.create(opened), {
      cutTile: () => Promise.reject(new Error('a tile was to be sent')),
    });
    const loaded: number[] = [];
    const cluster = started({
      model: unsendable,
      onProgress: ({ loadedTiles }) => loaded.push(loadedTiles),
    });
    const { member, stop } = await startLocalRank({ ...oneThread, model: place, threads: 2 });
    cluster.add(member);
    expect(await play(cluster)).toEqual(await soloRows());
    expect(loaded.at(-1)).toBe(opened.tiles.length);
    await stop();
    await opened.close();
  });

  it('refuses a file that was replaced', async () => {
    const { model: opened, place } = await modelOnDisk();
    await writeFile(place.files[0]!.path, await syntheticModel({ type: 'Q4_0', seed: 2 }));
    await expect(startLocalRank({ ...oneThread, model: place })).rejects.toMatchObject({
      code: 'JOIN_FAILED',
      message: expect.stringMatching(/changed/),
    });
    await opened.close();
  });

  it('that dies at once says of what', async () => {
    const missing = startLocalRank({ ...oneThread, workerFile: join(packageRoot(), 'no-such-worker.js') });
    await expect(missing).rejects.toMatchObject({
      code: 'JOIN_FAILED',
      message: expect.stringMatching(/no-such-worker/),
    });
  });
});
