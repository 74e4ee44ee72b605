import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { exitCodeFor, exitCodes } from '../../coordinator/cli/exit-codes.ts';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { tilePath } from '../../device-agent/node/tile-files.ts';
import { HearthError } from '../../runtime/error.ts';
import { Random } from '../support/random.ts';
import { cacheAt, filesIn, sha256, storeTiles, testFolder, usedBytes } from './fixtures.ts';
import { seededTile } from './seeded-tile.ts';

vi.mock('node:fs', async (original) => {
  const actual = await original<typeof fs>();
  return { ...actual, unlinkSync: vi.fn(actual.unlinkSync) };
});

const folder = testFolder();
const tileBytes = 1000;
const cacheFailure = (fields: object, message: RegExp) =>
  expect.objectContaining({
    code: 'CACHE_WRITE_FAILED',
    message: expect.stringMatching(message),
    fields: expect.objectContaining(fields),
  });

describe('the limit', () => {
  it.each([
    ['has just been removed by another process counts', 'ENOENT', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['cannot be removed gives way to the next', 'EBUSY', [0, 2, 3, 4, 5, 6, 7, 8]],
  ])('is kept where a tile that %s', (_, code, expected) => {
    const cache = cacheAt(folder.path, { limitBytes: 10 * tileBytes });
    const hashes = storeTiles(cache, 9, tileBytes);
    for (const [age, hash] of hashes.entries()) utimesSync(tilePath(folder.path, hash), age + 1, age + 1);
    const { unlinkSync } = fs;
    vi.mocked(unlinkSync).mockImplementationOnce((path) => {
      if (code === 'ENOENT') unlinkSync(path);
      throw Object.assign(new Error(`injected ${code}`), { code });
    });
    storeTiles(cache, 1, tileBytes, 100);
    expect(hashes.flatMap((hash, i) => (cache.has(hash, tileBytes) ? [i] : []))).toEqual(expected);
  });

  it('is kept by forgetting what was used longest ago', () => {
    const cache = cacheAt(folder.path, { limitBytes: 10 * tileBytes });
    const hashes = storeTiles(cache, 9, tileBytes);
    const order = [4, 0, 7, 2, 8, 1, 6, 3, 5];
    order.forEach((tile, age) => {
      const usedAt = Date.now() / 1000 - 1000 + age;
      utimesSync(tilePath(folder.path, hashes[tile]!), usedAt, usedAt);
    });
    expect(cache.has(hashes[4]!, tileBytes)).toBe(true);
    expect(cache.load(hashes[0]!, new Uint8Array(tileBytes))).toBe(true);
    cache.open(hashes[7]!, tileBytes)!.close();
    storeTiles(cache, 3, tileBytes, 100);
    const left = hashes.flatMap((hash, tile) => (cache.has(hash, tileBytes) ? [tile] : []));
    expect(left).toEqual([0, 3, 4, 5, 6, 7]);
    expect(usedBytes(folder.path)).toBe(9 * tileBytes);
  });

  it('is kept by eight writers together, at every moment', () => {
    const limitBytes = 128 * 1.5 * tileBytes;
    const caches = Array.from({ length: 8 }, () => cacheAt(folder.path, { limitBytes }));
    const random = new Random(3);
    let most = 0;
    for (let i = 0; i < 500; i += 1) {
      storeTiles(caches[random.integer(caches.length)]!, 1, 500 + random.integer(tileBytes), 1000 + i);
      if (i % 7 === 0) most = Math.max(most, usedBytes(folder.path));
    }
    expect(most).toBeLessThanOrEqual(limitBytes);
    expect(most).toBeGreaterThan(limitBytes * 0.9);
  });

  it('is looked after once for a 128th of it', () => {
    const limitBytes = 128 * 10 * tileBytes;
    const cache = cacheAt(folder.path, { limitBytes });
    storeTiles(cache, 1, tileBytes);
    // What somebody else stores is seen at the next look.
    const foreign = tilePath(folder.path, 'f'.repeat(64));
    mkdirSync(dirname(foreign), { recursive: true });
    writeFileSync(foreign, new Uint8Array(limitBytes));
    utimesSync(foreign, 1, 1);
    storeTiles(cache, 9, tileBytes, 100);
    expect(existsSync(foreign)).toBe(true);
    storeTiles(cache, 1, tileBytes, 200);
    expect(existsSync(foreign)).toBe(false);
    expect(usedBytes(folder.path)).toBe(11 * tileBytes);
  });

  it('leaves alone what is no tile', () => {
    const cache = cacheAt(folder.path, { limitBytes: 10 * tileBytes });
    for (const name of ['model.gguf', 'ab/notes', 'cd/12/34']) {
      mkdirSync(dirname(join(folder.path, name)), { recursive: true });
      writeFileSync(join(folder.path, name), new Uint8Array(100 * tileBytes));
    }
    storeTiles(cache, 20, tileBytes);
    expect([...filesIn(folder.path).values()].filter((length) => length > tileBytes)).toHaveLength(3);
    expect(usedBytes(folder.path)).toBe(9 * tileBytes);
  });

  it('refuses a tile larger than it, and keeps the others', () => {
    const cache = cacheAt(folder.path, { limitBytes: 10 * tileBytes });
    storeTiles(cache, 5, tileBytes);
    expect(() => storeTiles(cache, 1, 11 * tileBytes)).toThrow(
      cacheFailure({ byteLength: 11_000, folder: folder.path }, /11000 bytes.*HEARTH_CACHE/),
    );
    expect(filesIn(folder.path).size).toBe(5);
  });
});

describe('the disk', () => {
  it('keeps some bytes free, for which tiles go', () => {
    const freeBytes = () => 20 * tileBytes - usedBytes(folder.path);
    const cache = cacheAt(folder.path, { freeBytes, keepFreeBytes: 5 * tileBytes });
    for (let i = 0; i < 40; i += 1) {
      storeTiles(cache, 1, tileBytes, i);
      expect(freeBytes()).toBeGreaterThanOrEqual(5 * tileBytes);
    }
    expect(usedBytes(folder.path)).toBeGreaterThan(12 * tileBytes);
  });

  it('that others have filled is a clear error, and nothing is forgotten in vain', () => {
    const cache = cacheAt(folder.path);
    storeTiles(cache, 5, tileBytes);
    const full = cacheAt(folder.path, { freeBytes: () => 700, keepFreeBytes: 6000 });
    expect(() => storeTiles(full, 1, tileBytes, 100)).toThrow(
      cacheFailure({ byteLength: 1000, free: 700, keep: 6000 }, /no room.* 700 are free/),
    );
    expect(filesIn(folder.path).size).toBe(5);
    expect(full.has(seededTile(0, tileBytes).hash, tileBytes)).toBe(true);
  });

  it('cannot make a folder where a file is', () => {
    const path = join(folder.path, 'file');
    writeFileSync(path, 'mine');
    expect(() => storeTiles(cacheAt(path), 1, tileBytes)).toThrow(cacheFailure({}, /EEXIST|ENOTDIR/));
    expect([...filesIn(folder.path).values()]).toEqual([4]);
  });
});

/** A file system of 1 MiB. @returns what unmounts it */
function mountTiny(context: TestContext, path: string): () => void {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    console.log(`skipped: no file system can be mounted here: ${error}`);
    context.skip();
  }
  return () => execFileSync('umount', [path]);
}

it('a tile that cannot be kept ends a command as a file that cannot be written', () => {
  expect(exitCodeFor(new HearthError('CACHE_WRITE_FAILED', ''))).toBe(exitCodes.file);
  expect(exitCodeFor(new HearthError('CACHE_LOST', ''))).toBe(exitCodes.cluster);
});

describe('a real disk', () => {
  it('that is full is a clear error and leaves no litter', (context) => {
    const unmount = mountTiny(context, folder.path);
    try {
      const unaware = cacheAt(folder.path, { freeBytes: () => 1e12 });
      storeTiles(unaware, 3, 300_000);
      expect(() => storeTiles(unaware, 1, 300_000, 100)).toThrow(
        cacheFailure({ byteLength: 300_000 }, /ENOSPC/),
      );
      expect([...filesIn(folder.path).values()]).toEqual([300_000, 300_000, 300_000]);

      const aware = new FolderTileCache({ folder: folder.path, limitBytes: 1e9, keepFreeBytes: 100_000 });
      storeTiles(aware, 5, 300_000, 200);
      expect(usedBytes(folder.path)).toBe(900_000);
    } finally {
      unmount();
    }
  });

  it('that may only be read still gives its tiles', (context) => {
    const unmount = mountTiny(context, folder.path);
    try {
      const cache = cacheAt(folder.path);
      const [whole, damaged] = storeTiles(cache, 2, tileBytes) as [string, string];
      writeFileSync(tilePath(folder.path, damaged), new Uint8Array(tileBytes));
      for (const hash of [whole, damaged]) utimesSync(tilePath(folder.path, hash), 1, 1);
      execFileSync('mount', ['-o', 'remount,ro', folder.path]);
      const target = new Uint8Array(tileBytes);
      expect(cache.has(whole, tileBytes)).toBe(true);
      expect(cache.load(whole, target)).toBe(true);
      expect(sha256(target)).toBe(whole);
      expect(cache.load(damaged, target)).toBe(false);
      expect(() => storeTiles(cache, 1, tileBytes, 100)).toThrow(cacheFailure({}, /EROFS/));
    } finally {
      unmount();
    }
  });
});
