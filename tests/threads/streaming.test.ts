import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { Rank } from '../../runtime/decoder/rank.ts';
import { HearthError } from '../../runtime/error.ts';
import { ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { operations, operationsByNumber } from '../../runtime/profile/operations.ts';
import { hashName } from '../../runtime/tile/tile-hash.ts';
import { memorySource } from '../support/memory-source.ts';
import { loadRank } from '../support/rank-host.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { begin, logits, options, prompt } from './rank-steps.ts';
import { cacheRoom, streamingRank } from './streaming-rank.ts';

const model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
const tiles = await cutAllTiles(model);
const [assignment] = planByShares(model.tiles, [1]);
const star = await TestStar.create(model, tiles, [1], options);
const expected = await star.step([
  { slot: 0, start: 0, count: prompt.length, logits: 'all', tokens: prompt },
]);

describe('a rank that does not fit in memory', { timeout: 60_000 }, () => {
  test.each([
    [1, 0.3],
    [1, 0.9],
    [2, 0.4],
    [3, 0.5],
  ])('gives the bits of one that does: %i threads, %f of its weights', async (threads, share) => {
    const host = streamingRank(model, await cacheRoom(), { threads, share });
    await loadRank(host, tiles);
    for (const runs of [[13], [1, 1, 11], [6, 7]])
      expect(await logits(model, host.rank, runs)).toEqual(expected);
  });

  test('says what it takes, what it streams, and how its loader spends a step', async () => {
    const room = await cacheRoom();
    const host = streamingRank(model, room, { threads: 2, share: 0.4 }, { profile: true });
    await loadRank(host, tiles);
    const before = host.memory();
    host.profile!.begin();
    await logits(model, host.rank, [13]);
    const spans = host.profile!.end();
    const memory = host.memory();
    const all = model.tiles.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(before).toMatchObject({ keptTiles: 0, streamedBytes: 0, readMs: 0, waitMs: 0 });
    expect(memory.residentBytes + memory.windowBytes).toBeLessThan(0.45 * all);
    expect(memory.residentBytes + memory.windowBytes + memory.otherBytes).toBeLessThanOrEqual(
      memory.budgetBytes + 65536,
    );
    expect(memory.streamedBytes).toBeGreaterThanOrEqual(all - memory.residentBytes);
    expect(memory.readMs).toBeGreaterThan(0);
    expect(spans).toHaveLength(3);
    expect(operationsByNumber[spans[2]!.operations[0]!]).toBe(operations.readWeights);
    expect(spans[2]!.durationsUs[0]).toBeGreaterThan(0);
  });

  test('survives steps that are abandoned in their middle', async () => {
    const host = streamingRank(model, await cacheRoom(), { threads: 2 });
    await loadRank(host, tiles);
    for (const syncs of [0, 1, 2, 3]) {
      const { step } = await begin(model, host.rank, 0, 5);
      for (let i = 0; i < syncs; i += 1) step.next();
      step.return([]);
      expect(await logits(model, host.rank, [13])).toEqual(expected);
    }
  });

  test('cuts its tiles from the model’s file, and keeps them', async () => {
    const room = await cacheRoom();
    await writeFile(join(room.folder, 'model.gguf'), await syntheticModel({ type: 'Q4_0' }));
    const file = new ModelFile(await openGgufAt(join(room.folder, 'model.gguf')));
    onTestFinished(() => file.close());
    const host = streamingRank(model, room, { threads: 2, source: file });
    const { wanted, loaded } = await loadRank(host, []);
    expect(wanted).toEqual([]);
    expect(loaded.sort((a, b) => a - b)).toEqual(assignment!.tileIds);
    expect(await logits(model, host.rank, [13])).toEqual(expected);
    // All but the base tile: those that stay at first may stream when the window has been made larger.
    const isTile = (path: string) => /[0-9a-f]{64}$/.test(path);
    expect((await readdir(room.folder, { recursive: true })).filter(isTile)).toHaveLength(tiles.length - 1);
  });
});

/** All hashes, as a coordinator that remembers them sends them. */
const tileHashes = new Uint8Array(Buffer.concat(tiles.map((bytes) => nodeSha256(bytes))));

describe('a rank that comes back', { timeout: 60_000 }, () => {
  test.each([0.4, 1])('is sent nothing, with memory for %f of its weights', async (share) => {
    const room = await cacheRoom();
    const first = await loadRank(streamingRank(model, room, { threads: 2, share }), tiles);
    expect(first.wanted).toEqual(assignment!.tileIds);
    const host = streamingRank(model, room, { threads: 2, share }, { tileHashes });
    expect((await loadRank(host, [])).wanted).toEqual([]);
    expect(await logits(model, host.rank, [13])).toEqual(expected);
  });

  test.each([0.4, 1])('is sent what was damaged, with memory for %f of its weights', async (share) => {
    const room = await cacheRoom();
    await loadRank(streamingRank(model, room, { share }), tiles);
    const files = (await readdir(room.folder, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files).toHaveLength(tiles.length);
    for (const { parentPath, name } of [files[3]!, files[7]!]) {
      const bytes = await readFile(join(parentPath, name));
      bytes[bytes.length >> 1]! ^= 4;
      await writeFile(join(parentPath, name), bytes);
    }
    const host = streamingRank(model, room, { threads: 2, share }, { tileHashes });
    expect((await loadRank(host, tiles)).wanted).toHaveLength(2);
    expect(await logits(model, host.rank, [13])).toEqual(expected);
    const again = streamingRank(model, room, { threads: 2, share }, { tileHashes });
    expect((await loadRank(again, [])).wanted).toEqual([]);
  });
});

describe('a rank without room', () => {
  test('for its weights on disk says so, with the numbers', async () => {
    const room = await cacheRoom(100_000);
    expect(() => streamingRank(model, room)).toThrow(
      expect.objectContaining({ code: 'CACHE_WRITE_FAILED', message: expect.stringMatching(/--cache/) }),
    );
  });

  test('on a full disk says so when that is found', async () => {
    const room = { ...(await cacheRoom()), keepFreeBytes: Number.MAX_SAFE_INTEGER };
    const load = loadRank(streamingRank(model, room), tiles);
    await expect(load).rejects.toMatchObject({ code: 'CACHE_WRITE_FAILED' });
  });

  test('on disk for a tile that stays at first, but may stream later, says so too', async () => {
    const host = streamingRank(model, await cacheRoom());
    const { stores } = host.rank as Rank;
    const stays = stores[0]!.specs.find(({ id, kind }) => kind === 'ffn' && stores[0]!.slot(id))!;
    const refused = hashName(nodeSha256(tiles[stays.id]!));
    const store = vi.spyOn(FolderTileCache.prototype, 'store').mockImplementation((hash) => {
      if (hash === refused) throw new HearthError('CACHE_WRITE_FAILED', 'no room');
    });
    onTestFinished(() => store.mockRestore());
    await expect(loadRank(host, tiles)).rejects.toMatchObject({ code: 'CACHE_WRITE_FAILED' });
  });

  test('on disk goes on if its memory suffices', async () => {
    const host = streamingRank(model, await cacheRoom(100_000), { share: 1 });
    await loadRank(host, tiles);
    expect(await logits(model, host.rank, [13])).toEqual(expected);
  });

  test('for a window in memory is refused, with the numbers', async () => {
    const room = await cacheRoom();
    expect(() => streamingRank(model, room, { share: 0.05 })).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        message: expect.stringMatching(/\d+ for a window/),
      }),
    );
  });
});
