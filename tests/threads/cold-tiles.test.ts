import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeRowReaders } from '../../device-agent/node/row-readers.ts';
import type { Rank } from '../../runtime/decoder/rank.ts';
import type { Approximation } from '../../runtime/model/approximation.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { memorySource } from '../support/memory-source.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { loadRank } from '../support/rank-host.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { begin, logits, options, prompt } from './rank-steps.ts';
import { cacheRoom, streamingRank } from './streaming-rank.ts';

const wholePrompt = { slot: 0, start: 0, count: prompt.length, logits: 'all', tokens: prompt } as const;
/** Fewer than fire: tiles are cold, and which of them stay is not what their use would have. */
const firing = [
  [3, 9, 1, 0.5, 4],
  [2, 3, 8, 6, 0],
];

const open = async (bytes: Promise<Uint8Array>, threshold?: number) =>
  openModelFile(memorySource(await bytes), undefined, threshold === undefined ? undefined : { threshold });
const models = {
  // Half of the neurons fire: nearly all of a tile is read, in one piece.
  exact: await open(syntheticModel({ type: 'Q8_0', activation: 'relu', neuronRows: true })),
  // Few are named in the first layer, the second is exact.
  predicted: await open(predictedModel({ type: 'Q4_0', activation: 'relu' }, 32), 2.5),
  // Few are above the cut, in both.
  cut: await open(predictedModel({ type: 'Q8_0', activation: 'silu' }), 0),
};

const few: Approximation = { kind: 'cut', cuts: [2, 2.5] };
for (const [name, model] of Object.entries(models))
  Object.assign(model, {
    description: { ...model.description, firing, ...(name === 'cut' && { approximation: few }) },
  });

interface Shape {
  readonly threads: number;
  /** Part of the weights that there is memory for. */
  readonly share: number;
  /** What the threads that read may take of it. */
  readonly threadBytes?: number;
}

async function coldRank(name: keyof typeof models, { threads, share, threadBytes = 0 }: Shape) {
  const model = models[name];
  const tiles = await cutAllTiles(model);
  const room = await cacheRoom();
  const rowReaders = { ...nodeRowReaders(room, silentLogger, 100), threadBytes };
  const host = streamingRank(model, room, { threads, share, rowReaders });
  await loadRank(host, tiles);
  const star = await TestStar.create(model, tiles, [1], options);
  return {
    host,
    model,
    folder: room.folder,
    store: (host.rank as Rank).stores[0]!,
    expected: await star.step([wholePrompt]),
  };
}

describe('a rank with cold tiles', { timeout: 60_000 }, () => {
  test.each([
    ['exact', 1, 0.6],
    ['exact', 2, 0.8],
    ['predicted', 1, 0.6],
    ['predicted', 3, 0.8],
    ['cut', 2, 0.7],
    ['cut', 1, 0.9],
  ] as const)(
    '%s gives the bits of one in memory: %i threads, %f of its weights',
    async (name, threads, share) => {
      const { host, model, store, expected } = await coldRank(name, { threads, share });
      expect(store.coldBytes).toBeGreaterThan(0);
      for (const runs of [[13], [1, 1, 11], [6, 7]])
        expect(await logits(model, host.rank, runs)).toEqual(expected);
    },
  );

  test('reads what is wanted, and tells how much', async () => {
    const { host, model, store } = await coldRank('cut', { threads: 2, share: 0.7 });
    const cold = store.specs.filter((_, index) => store.residency!.cold.has(index));
    const records = cold.reduce((sum, { count }) => sum + count, 0);
    expect(host.memory()).toMatchObject({ records: 0, recordBytes: 0, coldBytes: store.coldBytes });
    await logits(model, host.rank, [1]);
    const { records: read, recordBytes, residentBytes, windowBytes } = host.memory();
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(records / 2);
    expect(recordBytes % 4096).toBe(0);
    expect(residentBytes + windowBytes).toBeLessThanOrEqual(store.residency!.byteLength + 65_536);
  });

  test('says so when what is wanted cannot be read', async () => {
    const { host, model, folder } = await coldRank('cut', { threads: 1, share: 0.7 });
    await logits(model, host.rank, [1]);
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of files.filter((entry) => entry.isFile()))
      await truncate(join(parentPath, name), 4096);
    await expect(logits(model, host.rank, [13])).rejects.toMatchObject({ code: 'TILE_UNREADABLE' });
  });

  test('without room for those who read records streams its tiles whole', async () => {
    const { host, model, store, expected } = await coldRank('cut', {
      threads: 1,
      share: 0.6,
      threadBytes: 1e9,
    });
    expect(store.coldBytes).toBe(0);
    expect(await logits(model, host.rank, [13])).toEqual(expected);
  });

  test('survives steps that are abandoned in their middle, with reads under way', async () => {
    const { host, model, expected } = await coldRank('cut', { threads: 2, share: 0.7 });
    for (const syncs of [0, 1, 2, 3]) {
      const { step } = await begin(model, host.rank, 0, 5);
      for (let i = 0; i < syncs; i += 1) step.next();
      step.return([]);
      expect(await logits(model, host.rank, [1, 12])).toEqual(expected);
    }
  });
});
