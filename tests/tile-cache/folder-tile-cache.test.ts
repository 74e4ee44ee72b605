import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tilePath } from '../../device-agent/node/tile-files.ts';
import { newPartPath, partsFolder } from '../../device-agent/node/tile-parts.ts';
import { cacheAt, filesIn, sha256, sharedTarget, testFolder } from './fixtures.ts';
import { seededTile } from './seeded-tile.ts';

const folder = testFolder();
const pathOf = (hash: string) => tilePath(folder.path, hash);
const ago = (seconds: number) => Date.now() / 1000 - seconds;

describe('a tile', () => {
  it.each([0, 1, 4096, 1_000_001])('of %i bytes comes back as it was stored', (byteLength) => {
    const { hash, bytes } = seededTile(1, byteLength);
    const cache = cacheAt(folder.path);
    const target = sharedTarget(byteLength);
    expect(cache.has(hash, byteLength)).toBe(false);
    expect(cache.load(hash, target)).toBe(false);
    cache.store(hash, bytes);
    expect(cache.has(hash, byteLength)).toBe(true);
    expect(cache.load(hash, target)).toBe(true);
    expect(Buffer.compare(target, bytes)).toBe(0);
    const around = new Uint8Array(target.buffer);
    expect(around.subarray(0, target.byteOffset).every((byte) => byte === 0)).toBe(true);
    expect(around.subarray(target.byteOffset + byteLength).every((byte) => byte === 0)).toBe(true);
  });

  it('is stored from shared memory, again and again, for every cache over the folder', () => {
    const { hash, bytes } = seededTile(2, 70_000);
    const source = sharedTarget(bytes.length);
    source.set(bytes);
    cacheAt(folder.path).store(hash, source);
    cacheAt(folder.path).store(hash, source);
    const target = new Uint8Array(bytes.length);
    expect(cacheAt(folder.path).load(hash, target)).toBe(true);
    expect(sha256(target)).toBe(hash);
    expect([...filesIn(folder.path).values()]).toEqual([bytes.length]);
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['has a flipped bit', (bytes) => bytes.with(12_345, bytes[12_345]! ^ 4)],
    ['lacks its last byte', (bytes) => bytes.subarray(0, -1)],
    ['is empty', (bytes) => bytes.subarray(0, 0)],
    ['has a byte more', (bytes) => Buffer.concat([bytes, new Uint8Array(1)])],
    ['is all zeros, as after a power loss', (bytes) => new Uint8Array(bytes.length)],
  ])('that %s is removed and fetched again', (_, damaged) => {
    const { hash, bytes } = seededTile(3, 50_000);
    const cache = cacheAt(folder.path);
    cache.store(hash, bytes);
    const content = damaged(bytes);
    writeFileSync(pathOf(hash), content);
    expect(cache.has(hash, bytes.length)).toBe(content.length === bytes.length);
    // What the target held before does not pass for what was read.
    expect(cache.load(hash, bytes.slice())).toBe(false);
    expect(filesIn(folder.path).size).toBe(0);
    cache.store(hash, bytes);
    expect(cache.load(hash, sharedTarget(bytes.length))).toBe(true);
  });

  it('that cannot be read is fetched again, or an error which says what to do', () => {
    const { hash, bytes } = seededTile(4, 1);
    mkdirSync(dirname(pathOf(hash)));
    symlinkSync(pathOf(hash), pathOf(hash));
    const cache = cacheAt(folder.path);
    const failure = expect.objectContaining({
      code: 'FILE_READ_FAILED',
      message: expect.stringMatching(/ELOOP.*HEARTH_CACHE/),
    });
    expect(cache.has(hash, 1)).toBe(false);
    expect(cache.load(hash, new Uint8Array(1))).toBe(false);
    expect(() => cache.open(hash, 1)).toThrow(failure);
    cache.store(hash, bytes);
    expect(cache.load(hash, new Uint8Array(1))).toBe(true);
  });
});

const good = seededTile(5, 10).hash;

it.each([
  ['nothing', ''],
  ['a path', '../../../../etc/passwd'],
  ['a path of the right length', `../${good.slice(3)}`],
  ['capitals', good.toUpperCase()],
  ['a digit less', good.slice(1)],
  ['a digit more', `${good}0`],
  ['a line behind it', `${good}\n`],
  ['a line before it', `\n${good}`],
  ['a zero byte', `${good.slice(1)}\0`],
  ['other digits', good.replace(/./, '٣')],
])('%s is no hash', (_, hash) => {
  const cache = cacheAt(folder.path);
  const calls = [
    () => cache.has(hash, 10),
    () => cache.load(hash, new Uint8Array(10)),
    () => cache.store(hash, new Uint8Array(10)),
    () => cache.open(hash, 10),
  ];
  for (const call of calls) expect(call).toThrow('assertion failed');
  expect(filesIn(folder.path).size).toBe(0);
});

describe('a use', () => {
  const { hash, bytes } = seededTile(6, 5000);

  it.each<[string, (cache: ReturnType<typeof cacheAt>) => unknown]>([
    ['has', (cache) => cache.has(hash, bytes.length)],
    ['load', (cache) => cache.load(hash, new Uint8Array(bytes.length))],
    ['open', (cache) => cache.open(hash, bytes.length)!.close()],
  ])('by %s is noted, once a minute', (_, use) => {
    const cache = cacheAt(folder.path);
    cache.store(hash, bytes);
    const noted = (usedAt: number): boolean => {
      utimesSync(pathOf(hash), usedAt, usedAt);
      use(cache);
      const { mtimeMs } = statSync(pathOf(hash));
      if (Math.abs(mtimeMs / 1000 - usedAt) < 0.01) return false;
      expect(Math.abs(mtimeMs / 1000 - ago(0))).toBeLessThan(20);
      return true;
    };
    expect(noted(ago(20))).toBe(false);
    expect(noted(ago(100))).toBe(true);
    expect(noted(ago(-100_000))).toBe(true);
  });

  it('by reading on and on is noted too', () => {
    const cache = cacheAt(folder.path);
    cache.store(hash, bytes);
    utimesSync(pathOf(hash), ago(30), ago(30));
    const file = cache.open(hash, bytes.length)!;
    const beforeMs = statSync(pathOf(hash)).mtimeMs;
    file.readInto(new Uint8Array(bytes.length));
    expect(statSync(pathOf(hash)).mtimeMs).toBe(beforeMs);
    const { now } = Date;
    Date.now = () => now() + 40_000;
    try {
      file.readInto(new Uint8Array(bytes.length));
    } finally {
      Date.now = now;
      file.close();
    }
    expect(statSync(pathOf(hash)).mtimeMs).toBeGreaterThan(beforeMs + 60_000);
  });
});

describe('what was left behind', () => {
  it('goes at the first use, unless its writer may still be at work', () => {
    mkdirSync(partsFolder(folder.path));
    const dead = join(partsFolder(folder.path), `${spawnSync('true').pid}-some`);
    const [fresh, old] = [newPartPath(folder.path), newPartPath(folder.path)];
    for (const path of [dead, fresh, old]) writeFileSync(path, 'part');
    utimesSync(old, ago(4000), ago(4000));
    const cache = cacheAt(folder.path);
    expect(filesIn(folder.path).size).toBe(3);
    expect(cache.has(good, 10)).toBe(false);
    expect([...filesIn(folder.path).keys()]).toEqual([fresh.slice(folder.path.length + 1)]);
    expect(readFileSync(fresh, 'utf8')).toBe('part');
  });
});
