import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, type TestContext, vi } from 'vitest';
import { tilePath } from '../../device-agent/node/tile-files.ts';
import { directBlockBytes } from '../../device-agent/tile-cache.ts';
import { cacheAt, filesIn, sharedTarget, storeTiles, testFolder } from './fixtures.ts';
import { seededTile } from './seeded-tile.ts';

vi.mock('node:fs', async (original) => {
  const actual = await original<typeof fs>();
  return {
    ...actual,
    openSync: vi.fn(actual.openSync),
    closeSync: vi.fn(actual.closeSync),
    readSync: vi.fn(actual.readSync),
    writeFileSync: vi.fn(actual.writeFileSync),
  };
});
const openSync = vi.mocked(fs.openSync);
const closeSync = vi.mocked(fs.closeSync);
const readSync = vi.mocked(fs.readSync);
const writeFileSync = vi.mocked(fs.writeFileSync);
afterEach(() => vi.clearAllMocks());

const folder = testFolder();
const { O_DIRECT } = fs.constants;
const opensDirectly = () => openSync.mock.calls.map(([, flags]) => (Number(flags) & O_DIRECT) !== 0);
const blocks = (byteLength: number) => Math.ceil(byteLength / directBlockBytes) * directBlockBytes;

function failingWith(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`injected ${code}`), { code });
  };
}

/** Tests what only file systems can show that read past the system's cache. */
function needDirect(context: TestContext): void {
  const path = join(folder.path, 'probe');
  fs.writeFileSync(path, new Uint8Array(directBlockBytes));
  try {
    const descriptor = fs.openSync(path, fs.constants.O_RDONLY | O_DIRECT);
    fs.readSync(descriptor, sharedTarget(directBlockBytes, 0), 0, directBlockBytes, 0);
    fs.closeSync(descriptor);
  } catch (error) {
    console.log(`skipped: ${folder.path} has no direct reads: ${error}`);
    context.skip();
  }
  fs.rmSync(path);
  vi.clearAllMocks();
}

describe('an open tile', () => {
  it('is read again and again, into memory that may be longer', () => {
    const cache = cacheAt(folder.path);
    const { hash, bytes } = seededTile(1, 30_001);
    expect(cache.open(hash, bytes.length)).toBeUndefined();
    cache.store(hash, bytes);
    expect(cache.open(hash, bytes.length - 1)).toBeUndefined();
    const file = cache.open(hash, bytes.length)!;
    for (const spare of [0, 100]) {
      const target = sharedTarget(bytes.length + spare);
      file.readInto(target);
      expect(Buffer.compare(target.subarray(0, bytes.length), bytes)).toBe(0);
      expect(target.subarray(bytes.length)).toEqual(new Uint8Array(spare));
    }
    expect(() => file.readInto(sharedTarget(bytes.length - 1))).toThrow('assertion failed');
    file.close();
    file.close();
    expect(closeSync).toHaveBeenCalledTimes(1);
    expect(() => file.readInto(sharedTarget(bytes.length))).toThrow('assertion failed');
  });

  it.each([false, true])('is the same bytes read directly (%s)', (direct) => {
    const cache = cacheAt(folder.path);
    for (const byteLength of [1, 4095, 4096, 4097, 1_000_003]) {
      const { hash, bytes } = seededTile(byteLength, byteLength);
      cache.store(hash, bytes);
      const file = cache.open(hash, byteLength, { direct })!;
      const target = sharedTarget(blocks(byteLength) + 8, directBlockBytes);
      target.fill(0xa5);
      file.readInto(target);
      file.readInto(target);
      expect(Buffer.compare(target.subarray(0, byteLength), bytes)).toBe(0);
      expect([...target.subarray(-8)]).toEqual(Array(8).fill(0xa5));
      file.close();
    }
  });

  it('wants whole blocks for direct reads, wherever it runs', () => {
    const cache = cacheAt(folder.path);
    const [hash] = storeTiles(cache, 1, 5000) as [string];
    const file = cache.open(hash, 5000, { direct: true })!;
    expect(() => file.readInto(sharedTarget(8192, 4100))).toThrow('assertion failed');
    expect(() => file.readInto(sharedTarget(8191, 4096))).toThrow('assertion failed');
    file.close();
  });

  it.each([false, true])('is read in part, up to its end (direct: %s)', (direct) => {
    const cache = cacheAt(folder.path);
    const { hash, bytes } = seededTile(3, 10_000);
    cache.store(hash, bytes);
    const file = cache.open(hash, 10_000, { direct })!;
    for (const [byteOffset, length] of [
      [0, 4096],
      [4096, 4096],
      [8192, 8192],
    ] as const) {
      const target = sharedTarget(length, directBlockBytes);
      file.readPart(target, byteOffset);
      const expected = bytes.subarray(byteOffset, byteOffset + length);
      expect(Buffer.compare(target.subarray(0, expected.length), expected)).toBe(0);
    }
    expect(() => file.readPart(sharedTarget(4096, 4096), 12_288)).toThrow('assertion failed');
    if (direct) {
      expect(() => file.readPart(sharedTarget(4096, 4096), 64)).toThrow('assertion failed');
      expect(() => file.readPart(sharedTarget(4000, 4096), 0)).toThrow('assertion failed');
    }
    fs.truncateSync(tilePath(folder.path, hash), 5000);
    expect(() => file.readPart(sharedTarget(4096, 4096), 4096)).toThrow(
      expect.objectContaining({ code: 'TILE_CORRUPT', message: expect.stringContaining('5000') }),
    );
    file.close();
    expect(() => file.readPart(sharedTarget(4096, 4096), 0)).toThrow('assertion failed');
  });

  it.skipIf(process.platform === 'win32')('is still read when it was evicted', () => {
    const cache = cacheAt(folder.path, { limitBytes: 10_000 });
    const { hash, bytes } = seededTile(1, 5000);
    cache.store(hash, bytes);
    const file = cache.open(hash, bytes.length)!;
    storeTiles(cacheAt(folder.path, { limitBytes: 10_000 }), 1, 9000, 100);
    expect(cache.has(hash, bytes.length)).toBe(false);
    const target = sharedTarget(bytes.length);
    file.readInto(target);
    expect(Buffer.compare(target, bytes)).toBe(0);
    file.close();
  });

  it.each([false, true])('that has become shorter is an error (direct: %s)', (direct) => {
    const cache = cacheAt(folder.path);
    const [hash] = storeTiles(cache, 1, 10_000) as [string];
    const file = cache.open(hash, 10_000, { direct })!;
    fs.truncateSync(tilePath(folder.path, hash), 5000);
    expect(() => file.readInto(sharedTarget(12_288, 4096))).toThrow(
      expect.objectContaining({ code: 'TILE_CORRUPT', message: expect.stringContaining('5000') }),
    );
    file.close();
    expect(openSync.mock.calls.length).toBe(closeSync.mock.calls.length);
  });
});

describe('direct reads', () => {
  it('go past the cache where they can', (context) => {
    needDirect(context);
    const cache = cacheAt(folder.path);
    const [hash] = storeTiles(cache, 1, 10_000) as [string];
    openSync.mockClear();
    const file = cache.open(hash, 10_000, { direct: true })!;
    for (let i = 0; i < 3; i += 1) file.readInto(sharedTarget(12_288, 4096));
    file.close();
    expect(opensDirectly()).toEqual([true]);
    expect(readSync).toHaveBeenCalledTimes(3);
  });

  it.each(['open', 'first read'])('become others where the %s refuses them', (where) => {
    const cache = cacheAt(folder.path);
    const { hash, bytes } = seededTile(1, 10_000);
    cache.store(hash, bytes);
    vi.clearAllMocks();
    if (where === 'open') openSync.mockImplementationOnce(failingWith('EINVAL'));
    else readSync.mockImplementationOnce(failingWith('EINVAL'));
    const file = cache.open(hash, bytes.length, { direct: true })!;
    const target = sharedTarget(12_288, 4096);
    for (let i = 0; i < 2; i += 1) file.readInto(target.fill(0));
    expect(Buffer.compare(target.subarray(0, bytes.length), bytes)).toBe(0);
    expect(target.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
    file.close();
    expect(opensDirectly()).toEqual([O_DIRECT !== undefined, false]);
  });
});

describe('without descriptors to spare', () => {
  it.each(['EMFILE', 'ENFILE'])('a tile is opened for every read (%s)', (code) => {
    const cache = cacheAt(folder.path);
    const { hash, bytes } = seededTile(1, 10_000);
    cache.store(hash, bytes);
    vi.clearAllMocks();
    openSync.mockImplementationOnce(failingWith(code));
    const file = cache.open(hash, bytes.length)!;
    const target = sharedTarget(bytes.length);
    for (let i = 0; i < 3; i += 1) file.readInto(target.fill(0));
    expect(Buffer.compare(target, bytes)).toBe(0);
    expect([openSync.mock.calls.length, closeSync.mock.calls.length]).toEqual([4, 3]);
    fs.unlinkSync(tilePath(folder.path, hash));
    expect(() => file.readInto(target)).toThrow(expect.objectContaining({ code: 'TILE_CORRUPT' }));
    file.close();
  });
});

describe('a disk that fails', () => {
  it('is a clear error of a tile that streams, and one that is kept is fetched again', () => {
    const cache = cacheAt(folder.path);
    const [hash] = storeTiles(cache, 1, 100) as [string];
    const failure = expect.objectContaining({
      code: 'FILE_READ_FAILED',
      message: expect.stringContaining('EIO'),
    });
    const target = sharedTarget(100);
    const file = cache.open(hash, 100)!;
    readSync.mockImplementationOnce(failingWith('EIO'));
    expect(() => file.readInto(target)).toThrow(failure);
    readSync.mockImplementationOnce(failingWith('EIO'));
    expect(cache.load(hash, target)).toBe(false);
    // The tile stays: it is not the tile's fault.
    file.readInto(target);
    expect(cache.load(hash, target)).toBe(true);
    file.close();
  });

  it('in the midst of a write leaves nothing', () => {
    const cache = cacheAt(folder.path);
    const actual = writeFileSync.getMockImplementation()!;
    writeFileSync.mockImplementationOnce((path, data, options) => {
      actual(path, (data as Uint8Array).subarray(0, 50), options);
      failingWith('EDQUOT')();
    });
    expect(() => storeTiles(cache, 1, 100)).toThrow(
      expect.objectContaining({ code: 'CACHE_WRITE_FAILED', message: expect.stringContaining('EDQUOT') }),
    );
    expect(filesIn(folder.path).size).toBe(0);
    storeTiles(cache, 1, 100);
  });
});
