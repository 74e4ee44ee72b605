import {
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KeptTile } from '../../device-agent/node/tile-files.ts';
import { House } from '../support/house.ts';
import { damagedIn, tilesIn } from '../support/kept-tiles.ts';
import { controlBytes } from '../support/kills.ts';

let house: House;
let answer: unknown;
/** As an archive sets it. */
const time = new Date('2026-01-01T00:00:00Z');
beforeAll(async () => {
  house = await House.build();
  utimesSync(house.modelPath, time, time);
  answer = (await start()).answer;
});
afterAll(() => house.close());

/** Starts both, and ends them when there is an answer. */
async function start() {
  const before = house.link.deliveredBytes;
  const [sinceMs, agent] = [performance.now(), house.join('agent')];
  const coordinator = await house.serve();
  try {
    await coordinator.says(/Ready/);
    const readyMs = performance.now() - sinceMs;
    const sentBytes = house.link.deliveredBytes - before;
    return { sentBytes, readyMs, answer: await house.answer() };
  } finally {
    await house.kill(coordinator);
    await house.kill(agent);
    expect(damagedIn(house.cache('agent'))).toEqual([]);
  }
}

/** The file of the hashes of the model's tiles, and bytes of each record. */
function hashFile() {
  const folder = join(house.cache('coordinator'), 'hashes');
  const path = join(folder, readdirSync(folder)[0]!);
  return { path, recordBytes: statSync(path).size / house.model.tiles.length };
}

function rewrite(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

/** Two of one length. */
function twins<T>(items: readonly T[], lengthOf: (item: T) => number): [T, T] {
  for (const [i, first] of items.entries()) {
    const second = items.slice(i + 1).findLast((item) => lengthOf(item) === lengthOf(first));
    if (second !== undefined) return [first, second];
  }
  throw new Error('all are of different lengths');
}

/** Does its damage, and says how many bytes of tiles mend it. */
type Damage = (tiles: readonly KeptTile[]) => number;

const damages: Readonly<Record<string, Damage>> = {
  'nothing at all': () => 0,
  'a bit of a tile flipped': ([tile]) => {
    rewrite(tile!.path, (bytes) => {
      bytes[bytes.length >> 1]! ^= 16;
    });
    return tile!.byteLength;
  },
  'a tile truncated': ([, tile]) => {
    truncateSync(tile!.path, tile!.byteLength - 1);
    return tile!.byteLength;
  },
  'a tile with the content of another': (tiles) => {
    const [from, to] = twins(tiles, ({ byteLength }) => byteLength);
    copyFileSync(from.path, to.path);
    return to.byteLength;
  },
  'a tile that cannot be read': ([, , tile]) => {
    rmSync(tile!.path);
    symlinkSync(tile!.path, tile!.path);
    return tile!.byteLength;
  },
  'all hashes removed': () => {
    rmSync(hashFile().path);
    return house.allBytes;
  },
  'the hashes truncated in the middle of one': () => {
    const { path, recordBytes } = hashFile();
    truncateSync(path, 20.5 * recordBytes);
    return sum(lengths().slice(20));
  },
  'a bit of a hash flipped': () => {
    const { path, recordBytes } = hashFile();
    rewrite(path, (bytes) => {
      bytes[3 * recordBytes + 5]! ^= 1;
    });
    return lengths()[3]!;
  },
  'two hashes exchanged': () => {
    const { path, recordBytes } = hashFile();
    const [a, b] = twins([...lengths().keys()], (id) => lengths()[id]!);
    rewrite(path, (bytes) => {
      const first = Buffer.from(bytes.subarray(a * recordBytes, (a + 1) * recordBytes));
      bytes.copy(bytes, a * recordBytes, b * recordBytes, (b + 1) * recordBytes);
      first.copy(bytes, b * recordBytes);
    });
    return lengths()[a]! + lengths()[b]!;
  },
};

const lengths = () => house.model.tiles.map(({ byteLength }) => byteLength);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('the next start is sent what it needs, and answers the same, after', () => {
  test.each(Object.keys(damages))('%s', async (name) => {
    const neededBytes = damages[name]!(tilesIn(house.cache('agent')));
    const { sentBytes, ...second } = await start();
    expect(second.answer).toEqual(answer);
    expect(sentBytes).toBeGreaterThanOrEqual(neededBytes);
    expect(sentBytes).toBeLessThan(neededBytes + controlBytes);
    console.log(`${name}: ready in ${second.readyMs.toFixed(0)} ms, ${sentBytes} bytes sent`);
  });
});

describe('a model that takes the place of another of its shape and size', () => {
  test.each([
    ['with the same time of modification', 2, true],
    ['later', 3, false],
  ])('%s', async (_, seed, keepsTime) => {
    const before = statSync(house.modelPath);
    await house.putModel({ seed });
    if (keepsTime) utimesSync(house.modelPath, time, time);
    expect(statSync(house.modelPath).size).toBe(before.size);
    expect(statSync(house.modelPath).mtimeMs === before.mtimeMs).toBe(keepsTime);
    const replaced = await start();
    expect(replaced.sentBytes).toBeGreaterThanOrEqual(house.allBytes);
    // As where nothing was ever kept.
    for (const name of ['agent', 'coordinator']) rmSync(house.cache(name), { recursive: true });
    expect(replaced.answer).toEqual((await start()).answer);
    expect(replaced.answer).not.toEqual(answer);
  });
});
