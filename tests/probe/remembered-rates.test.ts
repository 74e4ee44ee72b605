import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { measureNode } from '../../device-agent/node/measure-device.ts';
import { measureDisk } from '../../device-agent/node/measure-disk.ts';
import { RememberedRates } from '../../device-agent/node/remembered-rates.ts';
import { unknownRates } from '../../device-agent/probe/measure.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { cacheAt, storeTiles, testFolder } from '../tile-cache/fixtures.ts';

const folder = testFolder();
const day = 24 * 3_600_000;

const rates = (syncMs: number): DeviceRates => ({
  kernels: { Q4_0: { decodeBytesPerSecond: 1e10, prefillFlopsPerSecond: 1e11 } },
  attentionBytesPerSecond: 5e9,
  diskBytesPerSecond: 1e9,
  syncMs,
});

describe('rates are remembered', () => {
  const at = (nowMs = 1e12) => new RememberedRates(join(folder.path, 'deep', 'speed.json'), () => nowMs);

  test('by what they depend on, for some weeks', () => {
    expect(at().find('a')).toBeUndefined();
    at().note('a', rates(1));
    at(1e12 + day).note('b', rates(2));
    expect(at(1e12 + 20 * day).find('a')).toEqual(rates(1));
    expect(at(1e12 + 20 * day).find('b')).toEqual(rates(2));
    expect(at(1e12 + 21.5 * day).find('a')).toBeUndefined();
    expect(at(1e12 + 21.5 * day).find('b')).toEqual(rates(2));
    expect(at(1e12 - day).find('a')).toBeUndefined();
    expect(readdirSync(join(folder.path, 'deep'))).toEqual(['speed.json']);
  });

  test('of few circumstances', () => {
    for (let i = 0; i < 20; i += 1) at(1e12 + i).note(`key ${i}`, rates(i));
    expect([3, 4, 19].map((i) => at(1e12 + 20).find(`key ${i}`)?.syncMs)).toEqual([undefined, 4, 19]);
  });

  test.each([
    ['', 'nothing'],
    ['{"a": {"measuredMs": 1e12', 'half a file'],
    ['null', 'something else'],
    [JSON.stringify({ a: { measuredMs: 1e12, rates: { ...rates(1), syncMs: -1 } } }), 'what cannot be'],
    [JSON.stringify({ a: { measuredMs: 'now', rates: rates(1) } }), 'a wrong time'],
  ])('unless the file is damaged: %s', (text) => {
    mkdirSync(join(folder.path, 'deep'));
    writeFileSync(join(folder.path, 'deep', 'speed.json'), text);
    expect(at().find('a')).toBeUndefined();
    at().note('a', rates(3));
    expect(at().find('a')).toEqual(rates(3));
  });

  test('or cannot be written', () => {
    writeFileSync(join(folder.path, 'deep'), 'a file in the place of the folder');
    at().note('a', rates(1));
    expect(at().find('a')).toBeUndefined();
  });
});

test('a device measures what it does not remember', async () => {
  const cache = { folder: join(folder.path, 'tiles'), limitBytes: 1e9 };
  const file = join(folder.path, 'speed.json');
  const never = new AbortController().signal;
  const ranks = { usedBytes: 0 };
  const measure = (formats: readonly ('Q4_0' | 'Q8_0')[], fresh = false, memoryBytes = 1e7) => {
    const device = measureNode({
      threads: 1,
      syncThreads: 0,
      memoryBytes,
      usedBytes: () => ranks.usedBytes,
      cache,
      file,
    });
    return device({ formats, kvFormat: 'f16', fresh }, never);
  };

  const first = await measure(['Q4_0']);
  expect(first.diskBytesPerSecond).toBeGreaterThan(1e5);
  const before = readFileSync(file, 'utf8');
  expect(await measure(['Q4_0'])).toEqual(first);
  expect(readFileSync(file, 'utf8')).toBe(before);

  const second = await measure(['Q8_0']);
  expect(Object.keys(second.kernels)).toEqual(['Q8_0']);
  const both = await measure(['Q4_0', 'Q8_0']);
  expect(both.kernels).toEqual({ ...first.kernels, ...second.kernels });

  // Of less memory a cache holds more.
  ranks.usedBytes = 1e6;
  expect(await measure(['Q4_0'], true)).toEqual(unknownRates);
  expect((await measure(['Q4_0'])).kernels).toEqual(first.kernels);
  expect((await measure(['Q4_0'], false, 2e7)).kernels).not.toEqual(first.kernels);
  ranks.usedBytes = 0;

  expect((await measure(['Q4_0'], true)).kernels).not.toEqual(first.kernels);
}, 30_000);

describe('the disk', () => {
  test('is measured by a file that goes again where no tiles are', () => {
    expect(measureDisk({ folder: folder.path, limitBytes: 1e9 })).toBeGreaterThan(1e5);
    expect(readdirSync(join(folder.path, 'parts'))).toEqual([]);
  });

  test('is measured by tiles where there are enough', () => {
    storeTiles(cacheAt(folder.path), 17, 1 << 20);
    const before = readdirSync(folder.path, { recursive: true }).sort();
    expect(measureDisk({ folder: folder.path, limitBytes: 1e9 })).toBeGreaterThan(1e5);
    expect(readdirSync(folder.path, { recursive: true }).sort()).toEqual(before);
  });

  test('gives nothing where nothing can be kept', () => {
    expect(measureDisk({ folder: folder.path, limitBytes: 0 })).toBe(0);
    writeFileSync(join(folder.path, 'file'), '');
    expect(measureDisk({ folder: join(folder.path, 'file'), limitBytes: 1e9 })).toBe(0);
  });
});
