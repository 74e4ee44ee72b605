import { expect, it } from 'vitest';
import { startChecksum } from '../../device-agent/browser/checksum.ts';
import type { PrivateFile } from '../../device-agent/browser/pack-files.ts';
import { PackTileCache } from '../../device-agent/browser/pack-tile-cache.ts';
import { type SeededTile, seededTile } from './seeded-tile.ts';

/** A browser's file, in memory. */
class MemoryFile implements PrivateFile {
  bytes = new Uint8Array();
  getSize = () => this.bytes.length;
  read(target: Uint8Array, { at }: { readonly at: number }): number {
    const part = this.bytes.subarray(at, at + target.length);
    target.set(part);
    return part.length;
  }
  write(bytes: Uint8Array, { at }: { readonly at: number }): number {
    const longer = new Uint8Array(Math.max(this.bytes.length, at + bytes.length));
    longer.set(this.bytes);
    longer.set(bytes, at);
    this.bytes = longer;
    return bytes.length;
  }
  truncate = (byteLength: number) => {
    this.bytes = this.bytes.slice(0, byteLength);
  };
  flush = () => {};
  close = () => {};
}

type Tiles = [SeededTile, SeededTile, SeededTile, SeededTile];

interface Files {
  readonly pack: MemoryFile;
  readonly index: MemoryFile;
}

const newFiles = (): Files => ({ pack: new MemoryFile(), index: new MemoryFile() });
const checksum = await startChecksum();
const open = ({ pack, index }: Files, capacityBytes = 1000) =>
  new PackTileCache(pack, index, capacityBytes, checksum);

const [a, b, c, d] = [1, 2, 3, 4].map((seed) => seededTile(seed, 300)) as Tiles;

async function holds(cache: PackTileCache, { hash, bytes }: SeededTile): Promise<boolean> {
  const target = new Uint8Array(bytes.length);
  const found = await cache.load(hash, target);
  if (found) expect(target).toEqual(bytes);
  return found;
}

it('what was kept is there the next time, and nothing else', async () => {
  const files = newFiles();
  const cache = open(files);
  cache.store(a.hash, a.bytes);
  cache.store(b.hash, b.bytes);
  const again = open(files);
  expect([again.has(a.hash, 300), again.has(a.hash, 299), again.has(c.hash, 300)]).toEqual([
    true,
    false,
    false,
  ]);
  expect([await holds(again, a), await holds(again, b), await holds(again, c)]).toEqual([true, true, false]);
});

it('what is damaged in one bit, or was cut off, is forgotten and can be kept again', async () => {
  const files = newFiles();
  for (const each of [a, b, c]) open(files).store(each.hash, each.bytes);
  files.pack.bytes[17]! ^= 1;
  files.pack.bytes[599]! ^= 128;
  files.pack.truncate(899);
  const cache = open(files);
  for (const each of [a, b, c]) {
    expect(await holds(cache, each)).toBe(false);
    expect(open(files).has(each.hash, 300)).toBe(false);
  }
  cache.store(a.hash, a.bytes);
  expect(await holds(open(files), a)).toBe(true);
});

it('a tile is not taken for another whose place it has', async () => {
  const files = newFiles();
  open(files).store(a.hash, a.bytes);
  open(files).store(b.hash, b.bytes);
  // As if the name of one record had been written, and the rest of it not.
  files.index.bytes.copyWithin(0, 64, 96);
  files.index.truncate(64);
  expect(await holds(open(files), b)).toBe(false);
});

it('an index that knows no checksums yet is forgotten', async () => {
  const files = newFiles();
  open(files).store(a.hash, a.bytes);
  files.index.bytes.fill(0, 56);
  expect(open(files).has(a.hash, 300)).toBe(false);
  open(files).store(a.hash, a.bytes);
  expect([await holds(open(files), a), files.index.bytes.length]).toEqual([true, 64]);
});

it('the tile that was used longest ago makes room', async () => {
  const cache = open(newFiles());
  let nowMs = 1e12;
  const realNow = Date.now;
  Date.now = () => (nowMs += 100_000);
  try {
    for (const each of [a, b, c]) cache.store(each.hash, each.bytes);
    expect(await holds(cache, a)).toBe(true);
    cache.store(d.hash, d.bytes);
  } finally {
    Date.now = realNow;
  }
  const kept = await Promise.all([a, b, c, d].map((each) => holds(cache, each)));
  expect(kept).toEqual([true, false, true, true]);
});

it('tiles that a window reads stay where they are until that is over', async () => {
  const cache = open(newFiles());
  for (const each of [a, b, c]) cache.store(each.hash, each.bytes);
  let isOver = false;
  const places = cache.lease([a.hash, b.hash, c.hash], () => isOver);
  expect([...places.keys()]).toEqual([a.hash, b.hash, c.hash]);
  expect(() => cache.store(d.hash, d.bytes)).toThrow(/no room/);
  isOver = true;
  cache.store(d.hash, d.bytes);
  expect(await holds(cache, d)).toBe(true);
});

it('any bytes of an index are an index, of which nothing is believed that is not so', async () => {
  const files = newFiles();
  open(files).store(a.hash, a.bytes);
  for (let seed = 0; seed < 200; seed += 1) {
    const bytes = Uint8Array.from({ length: 64 * 3 + 7 }, (_, i) => (i * seed * 37 + (i >> 3) * seed) & 255);
    const index = new MemoryFile();
    index.bytes = bytes;
    const cache = open({ pack: files.pack, index });
    expect(await holds(cache, a)).toBe(false);
    cache.store(a.hash, a.bytes);
    expect(await holds(cache, a)).toBe(true);
  }
});
