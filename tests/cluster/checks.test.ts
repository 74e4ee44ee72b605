import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Checker, checkerOf } from '../../coordinator/checking/checker.ts';
import { Checks } from '../../coordinator/checking/checks.ts';
import { type Spot, spotsOf } from '../../coordinator/checking/spot.ts';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import { Quarantine } from '../../coordinator/cluster/quarantine.ts';
import { pipelineLayout, tensorLayout } from '../../coordinator/cluster/seat-layouts.ts';
import type { CreateRank } from '../../device-agent/create-rank.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { HearthError } from '../../runtime/error.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { frameHeaderBytes, frameTypeNumbers } from '../../runtime/protocol/frame.ts';
import { memorySource } from '../support/memory-source.ts';
import { Random } from '../support/random.ts';
import { noSources } from '../support/rank-host.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import type { MemoryLink } from './memory-link.ts';
import { joinDevice } from './test-cluster.ts';
import { type Wrongs, wrongRanks } from './wrong-ranks.ts';

const rankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 80,
  maxSequences: 3,
  contextLength: 256,
  kvPages: 12,
} as const;

let model: ModelFile;
beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
});

const honest: CreateRank = kernelRanks({ startKernels, sources: noSources });

interface Watched {
  readonly cluster: Cluster;
  readonly checked: Spot[];
  /** The coordinator's ends of their links. */
  readonly links: MemoryLink[];
  readonly faults: { readonly device: string; readonly fault: HearthError }[];
  /** One step of one sequence, and the check of it, if there is one. */
  step(start: number, count: number, slot?: number): Promise<void>;
}

/** Devices of which some compute wrongly; every step is checked. */
async function watched(layout: Layout, wrongs: readonly Wrongs[], probability = 1): Promise<Watched> {
  const checked: Spot[] = [];
  const faults: Watched['faults'] = [];
  let pending: Promise<unknown> = Promise.resolve();
  const inner = checkerOf(model);
  const checker: Checker = {
    check: (task) => {
      checked.push(task.spot);
      const result = inner.check(task);
      pending = result.catch(() => {});
      return result;
    },
  };
  const quarantine = new Quarantine();
  const random = new Random(7);
  const checks: Checks = new Checks({
    checker,
    model,
    probability,
    random: () => random.integer(1 << 16) / (1 << 16),
    onFault: (member, fault) => {
      faults.push({ device: member.info.name, fault });
      cluster.distrust(fault);
      quarantine.put(member, fault);
    },
  });
  const cluster: Cluster = new Cluster({
    model,
    rankOptions,
    minDevices: wrongs.length,
    checks,
    arrange: async (seats) =>
      seats.length === wrongs.length
        ? { seats, layout }
        : { seats, layout: tensorLayout(model.config.layerCount)(seats) },
  });
  onTestFinished(() => cluster.close());
  const links: MemoryLink[] = [];
  for (const [i, wrong] of wrongs.entries()) {
    const { hubLink } = await joinDevice(cluster, `device ${i}`, wrongRanks(honest, wrong));
    links.push(hubLink);
  }
  const step = async (start: number, count: number, slot = 0): Promise<void> => {
    const tokens = Array.from({ length: count }, (_, i) => ((start + i) * 37 + slot * 11) % 1000);
    // Some answers want all logits, others the greatest.
    const best = start % 3 === 0 ? {} : { best: start % 3 };
    await cluster.step([{ slot, start, count, logits: 'last', tokens, ...best }]);
    const before = checked.length;
    await pending;
    // A second look follows a first that found something.
    if (checked.length > before || faults.length === 0) await pending;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { cluster, checked, links, faults, step };
}

const shares = (...of: number[]) =>
  tensorLayout(model.config.layerCount)(of.map((share) => ({ share })) as never);

function inPipeline(): Layout {
  return pipelineLayout(model.config.layerCount)([{ share: 1 }, { share: 1 }] as never);
}

/** Two stages, the first of two devices, the second of two others; one of each has a part of the output head. */
function twoStages(): Layout {
  const { layerCount } = model.config;
  return {
    stages: [
      { firstLayer: 0, endLayer: 1, shares: [1, 1, 0, 0] },
      { firstLayer: 1, endLayer: layerCount, shares: [0, 0, 1, 2] },
    ],
    vocabularyShares: [1, 0, 0, 1],
    microBatchTokens: 32,
  };
}

describe('checks', () => {
  it.each([
    ['two', () => shares(1, 1)],
    ['three', () => shares(3, 2, 1)],
    ['four, in two stages,', twoStages],
    ['one', () => shares(1)],
    ['two, one after the other,', inPipeline],
  ])('find nothing where %s devices compute rightly, and look at all that they do', async (_, layout) => {
    const devices = layout().vocabularyShares.length;
    const house = await watched(layout(), Array(devices).fill({}));
    for (let slot = 0; slot < 2; slot += 1) {
      await house.step(0, 70, slot);
      for (let start = 70; start < 150; start += 1) await house.step(start, 1, slot);
    }
    for (let prompt = 0; prompt < 12; prompt += 1) await house.step(0, 5, 2);
    expect(house.faults).toEqual([]);
    expect(house.cluster.state).toBe('ready');
    const kinds = new Set(house.checked.map(({ kind, layer, rank }) => `${kind} ${layer} ${rank}`));
    const spots = assignTiles(model.tiles, layout()).flatMap((part) => spotsOf(part, model.tiles));
    expect(kinds).toEqual(new Set(spots.map(({ kind, layer, rank }) => `${kind} ${layer} ${rank}`)));
  });

  /** Tokens of a prompt, and of what follows it, again and again. */
  const decode = [5, 1] as const;
  const prompts = [5, 5] as const;
  const afterAPage = [64, 1] as const;
  const mostTokens = 150;

  /** The last tile of a kind and layer, and the high byte of a scale of its last matrix. */
  const lastOf = (kind: Spot['kind'], layer: number) => {
    const { id, sections } = model.tiles.findLast((tile) => tile.kind === kind && tile.layer === layer)!;
    return { id, byte: sections.at(-1)!.byteOffset + 129 };
  };

  it.each<[string, (of: typeof lastOf) => Wrongs, RegExp, readonly [number, number]]>([
    [
      'a bit of an FFN tile',
      (of) => ({ tile: of('ffn', 1) }),
      /the FFN of layer 1 \(tiles? [\d to]+\)/,
      decode,
    ],
    [
      'a bit of an attention tile',
      (of) => ({ tile: of('attention', 0) }),
      /the attention of layer 0/,
      prompts,
    ],
    [
      'a bit of the output head',
      (of) => ({ tile: of('vocabulary', -1) }),
      /the output head.*the logit of row/,
      decode,
    ],
    [
      'a bit of the sums of an FFN',
      () => ({ sum: { sync: 3, index: 17, bit: 0 } }),
      /the FFN of layer 1.*value 17 of the fine sums, token \d+, came as 0x[\da-f]{8} and should be 0x[\da-f]{8}; 1 of/,
      decode,
    ],
    [
      'a high bit of the sums of attention',
      () => ({ sum: { sync: 2, index: 5, bit: 30 } }),
      /the attention of layer 1.*value 5 of the fine sums/,
      prompts,
    ],
    [
      'a logit',
      () => ({ logit: { row: model.config.vocabSize - 3 } }),
      /the output head.*the logit of row/,
      decode,
    ],
    [
      'a bit of old keys',
      (of) => ({ kv: { id: of('attention', 0).id, slot: 0, byte: 1 } }),
      /the attention of layer 0/,
      afterAPage,
    ],
  ])(
    'find %s soon, and answers are right afterwards',
    async (_, wrong, words, [promptTokens, tokensEach]) => {
      const house = await watched(shares(1, 1), [{}, wrong(lastOf)]);
      for (let tokens = 0; house.faults.length === 0 && tokens < mostTokens; tokens += tokensEach) {
        const isPrompt = tokensEach === promptTokens || tokens === 0;
        const lost = (error: unknown) => expect(error).toMatchObject({ code: 'CACHE_LOST' });
        if (isPrompt) await house.step(0, promptTokens).catch(lost);
        else await house.step(promptTokens + tokens - tokensEach, tokensEach).catch(lost);
      }
      expect(house.faults.map(({ device }) => device)).toEqual(['device 1']);
      expect(house.faults[0]!.fault).toMatchObject({
        code: 'DEVICE_WRONG',
        message: expect.stringMatching(words),
      });
      await house.cluster.whenReady();
      expect(house.cluster.deviceStates()).toMatchObject([
        { state: 'ready' },
        { state: 'quarantined', reason: house.faults[0]!.fault.message },
      ]);
      // Nothing of what was computed is built on.
      await expect(house.step(4, 1)).rejects.toMatchObject({ code: 'CACHE_LOST' });
      const prompt = [{ slot: 0, start: 0, count: 3, logits: 'all' as const, tokens: [4, 5, 6] }];
      const rows = (await house.cluster.step(prompt)).map((row) => row.slice());
      const sound = await watched(shares(1, 1), [{}, {}]);
      expect(rows).toEqual(await sound.cluster.step(prompt));
    },
  );

  it('look at each device at once, and then at as many steps as they are to', async () => {
    const never = await watched(shares(1, 1), [{}, {}], 1e-9);
    await never.step(0, 10);
    for (let start = 10; start < 16; start += 1) await never.step(start, 1);
    // Attention is looked at where sequences begin, or go on behind copies.
    expect(never.checked).toHaveLength(3);
    await never.step(16, 1);
    expect(never.checked).toHaveLength(4);
    for (let start = 17; start < 60; start += 1) await never.step(start, 1);
    for (let slot = 1; slot < 3; slot += 1) await never.step(0, 10, slot);
    expect(never.checked).toHaveLength(4);
    expect(new Set(never.checked.map(({ rank }) => rank)).size).toBe(2);
    const off = await watched(shares(1, 1), [{}, {}], 0);
    await off.step(0, 10);
    expect(off.checked).toEqual([]);
  });

  it('take sums for wrong that cannot be read, and go on checking', async () => {
    const house = await watched(inPipeline(), [{}, {}]);
    const [, link] = house.links;
    const hear = link!.onFrame;
    // The first group of 32 values says that they have 33 bits.
    link!.onFrame = (bytes) => {
      const isPartial = bytes[0] === frameTypeNumbers.partial;
      hear(isPartial ? Uint8Array.from(bytes, (byte, at) => (at === frameHeaderBytes ? 33 : byte)) : bytes);
    };
    for (let prompt = 0; prompt < 8 && house.faults.length === 0; prompt += 1)
      await house.step(0, 3).catch((error) => expect(error).toMatchObject({ code: 'DEVICE_LOST' }));
    expect(house.faults.map(({ device }) => device)).toEqual(['device 1']);
    expect(house.faults[0]!.fault.message).toMatch(/it computed wrongly: the .*: .*packed integers/);
    const before = house.checked.length;
    await house.cluster.whenReady();
    await house.step(0, 3);
    expect(house.checked.length).toBeGreaterThan(before);
  });

  it('blame nobody where this computer comes to another result each time', async () => {
    let times = 0;
    const faults: unknown[] = [];
    const moody: Checker = {
      check: async () => {
        times += 1;
        return { ...difference, expected: times };
      },
    };
    const cluster = clusterOf(moody, (fault) => faults.push(fault), 2);
    await joinDevice(cluster, 'a', honest);
    await joinDevice(cluster, 'b', honest);
    for (let i = 0; i < 4; i += 1) {
      await cluster.step([{ slot: 0, start: i, count: 1, logits: 'last', tokens: [i] }]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(times).toBeGreaterThan(4);
    expect(faults).toEqual([]);
  });

  it('end where they cannot be made, and answers go on', async () => {
    let times = 0;
    const failing: Checker = {
      check: async () => {
        times += 1;
        throw new Error('the file is gone');
      },
    };
    const cluster = clusterOf(failing, () => expect.fail('nobody is to blame'));
    await joinDevice(cluster, 'a', honest);
    for (let i = 0; i < 4; i += 1) {
      await cluster.step([{ slot: 0, start: i, count: 1, logits: 'last', tokens: [i] }]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(times).toBe(1);
  });
});

const difference = {
  of: 'fine',
  token: 0,
  index: 1,
  expected: 2,
  got: 3,
  differing: 1,
  compared: 9,
} as const;

function clusterOf(checker: Checker, onFault: (fault: HearthError) => void, minDevices = 1): Cluster {
  const checks = new Checks({ checker, model, probability: 1, onFault: (_, fault) => onFault(fault) });
  const cluster = new Cluster({ model, rankOptions, minDevices, checks });
  onTestFinished(() => cluster.close());
  return cluster;
}
