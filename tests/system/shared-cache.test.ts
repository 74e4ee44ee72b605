import { existsSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { HearthProcess } from '../support/hearth-process.ts';
import { House } from '../support/house.ts';
import { bytesOf, damagedIn, tilesIn } from '../support/kept-tiles.ts';
import { controlBytes } from '../support/kills.ts';
import { heavyShape, memoryFor, shortContext } from '../support/small-memory.ts';

let house: House;
/** Of an agent by itself. */
let answer: unknown;
beforeAll(async () => {
  house = await House.build(heavyShape);
  await start('alone');
  answer = await house.answer();
  await house.killAll();
});
afterEach(() => house.killAll());
afterAll(() => house.close());

/** A coordinator, and one agent that is ready. */
async function start(cache: string, ...args: readonly string[]): Promise<HearthProcess> {
  const coordinator = await house.serve(...shortContext);
  house.join(cache, ...args);
  await coordinator.says(/Ready/);
  return coordinator;
}

test('two agents keep each tile once, and one goes on with what the other kept', async () => {
  const coordinator = await house.serve(...shortContext, '--split', '1,1');
  const [first] = ['first', 'second'].map((name) => house.join('shared', '--name', name));
  await coordinator.says(/Ready/);
  const states = (await house.devices()).map(({ state, tiles }) => [state, tiles > 10]);
  expect(states).toEqual([
    ['ready', true],
    ['ready', true],
  ]);
  expect(await house.answer()).toEqual(answer);
  const folder = house.cache('shared');
  expect(bytesOf(tilesIn(folder))).toBe(house.allBytes);
  expect(damagedIn(folder)).toEqual([]);
  expect(readdirSync(join(folder, 'tiles', 'parts'))).toEqual([]);

  await house.kill(first);
  const before = house.link.deliveredBytes;
  const { tiles, loadedTiles } = await house.device('second', 'ready', house.model.tiles.length);
  expect(loadedTiles).toBe(tiles);
  expect(house.link.deliveredBytes - before).toBeLessThan(controlBytes);
  expect(await house.answer()).toEqual(answer);
});

describe('an agent whose weights stream', () => {
  let memory: string;
  let other: House;
  beforeAll(async () => {
    memory = await memoryFor(house, 0.4);
    other = await House.build();
  });
  afterEach(() => other.killAll());
  afterAll(() => other.close());

  /** Another agent on the same disk keeps what it is sent, and room for no more. */
  async function evict(folder: string): Promise<void> {
    const coordinator = await other.serve();
    other.join(folder, '--cache', `${Math.ceil(other.allBytes * 1.1)}`);
    await coordinator.says(/Ready/);
    expect(bytesOf(tilesIn(folder))).toBeLessThan(other.allBytes * 1.1);
  }

  test.each([
    ['before it is asked', false],
    ['after that', true],
  ])('goes on when all are evicted %s', async (when, isAsked) => {
    const cache = `evicted-${when.replaceAll(' ', '-')}`;
    await start(cache, '--memory', memory);
    if (isAsked) expect(await house.answer()).toEqual(answer);
    await evict(house.cache(cache));
    const before = house.link.deliveredBytes;
    expect(await house.answer()).toEqual(answer);
    // What is open can be read.
    expect(house.link.deliveredBytes - before).toBeLessThan(house.allBytes / 10);
    expect((await house.devices()).map(({ state }) => state)).toEqual(['ready']);
  });

  test('is sent again what it cannot read any more', async () => {
    const coordinator = await start('truncated', '--memory', memory);
    expect(await house.answer()).toEqual(answer);
    for (const { path, byteLength } of tilesIn(house.cache('truncated'))) truncateSync(path, byteLength / 2);
    expect(await house.answer()).toEqual(answer);
    expect(damagedIn(house.cache('truncated'))).toEqual([]);
    await coordinator.says(/a device lost its tiles/);
    expect((await house.devices()).map(({ state }) => state)).toEqual(['ready']);
  });

  test('declines at once if fewer may be kept than stream', async () => {
    const coordinator = await house.serve(...shortContext, '--split', '1');
    const before = house.link.deliveredBytes;
    house.join('tight', '--memory', memory, '--cache', `${Math.floor(house.allBytes / 6)}`);
    const { reason } = await house.device('tight', 'declined');
    expect(reason).toMatch(/\d+ bytes, do not fit .*--cache/);
    expect(house.link.deliveredBytes - before).toBeLessThan(controlBytes);
    expect(existsSync(join(house.cache('tight'), 'tiles'))).toBe(false);
    await coordinator.says(/a device declined its tiles/);
  });
});
