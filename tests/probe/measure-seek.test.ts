import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { measureSeek } from '../../device-agent/node/measure-seek.ts';
import { keptTiles } from '../../device-agent/node/tile-files.ts';
import { cacheAt, storeTiles, testFolder } from '../tile-cache/fixtures.ts';

const folder = testFolder();
const room = () => ({ folder: folder.path, limitBytes: 1e9 });

function canReadDirectly(): boolean {
  try {
    closeSync(openSync(keptTiles(folder.path)[0]!.path, constants.O_RDONLY | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  }
}

describe('what a small read costs', () => {
  test('is measured by the threads that read, from tiles that are left as they are', () => {
    storeTiles(cacheAt(folder.path), 17, 1 << 20);
    const before = readdirSync(folder.path, { recursive: true }).sort();
    const found = measureSeek(room());
    expect(readdirSync(folder.path, { recursive: true }).sort()).toEqual(before);
    if (!canReadDirectly()) expect(found).toBeUndefined();
    else {
      expect(found).toBeGreaterThanOrEqual(0);
      expect(found).toBeLessThan(2 ** 30);
    }
  });

  test('is not known of few tiles, or small ones', () => {
    storeTiles(cacheAt(folder.path), 3, 1 << 20);
    expect(measureSeek(room())).toBeUndefined();
    storeTiles(cacheAt(folder.path), 17, 1 << 16);
    expect(measureSeek(room())).toBeUndefined();
    expect(measureSeek({ folder: `${folder.path}/none`, limitBytes: 1e9 })).toBeUndefined();
  });
});
