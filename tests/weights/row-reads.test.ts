import { describe, expect, test } from 'vitest';
import { RowReader } from '../../runtime/weights/row-reader.ts';
import { RowReads } from '../../runtime/weights/row-reads.ts';
import { WindowClosed } from '../../runtime/weights/window-control.ts';

const rig = (threads: number) => {
  const memory = new SharedArrayBuffer(RowReads.byteLength(threads));
  return { asking: new RowReads(memory, threads), reading: new RowReads(memory, threads) };
};
const read = (tile: number, firstBlock = tile) => ({ tile, firstBlock, blocks: 2, addressBlock: 7 * tile });

describe('reads that threads ask for', () => {
  test('are taken once each, another thread’s first, and awaited by batch', () => {
    const { asking, reading } = rig(2);
    asking.ask(0, 3, [read(1), read(2)]);
    asking.ask(0, 4, [read(3)]);
    asking.ask(1, 0, [read(4)]);
    expect(asking.isHere(0, 3)).toBe(false);
    const taken = [1, 0, 0, 0].map((from) => reading.take(from)!);
    expect(taken.map(({ tile, thread, batch }) => [tile, thread, batch])).toEqual([
      [4, 1, 0],
      [1, 0, 3],
      [2, 0, 3],
      [3, 0, 4],
    ]);
    expect(taken[2]).toMatchObject(read(2));
    expect(reading.take(0)).toBeUndefined();
    reading.done(taken[1]!);
    expect(asking.isHere(0, 3)).toBe(false);
    reading.done(taken[2]!);
    expect([asking.isHere(0, 3), asking.isHere(0, 4)]).toEqual([true, false]);
    asking.await(0, 3);
  });

  test('go to a reader in bytes, over more of them than a queue holds', () => {
    const { asking, reading } = rig(1);
    const told: number[][] = [];
    const reader = new RowReader(reading, 0, (...what) => told.push(what));
    for (let round = 0; round < 300; round += 1) {
      const batch = Array.from({ length: 9 }, (_, i) => read(9 * round + i, i));
      asking.ask(0, round % 8, batch);
      while (reader.turn());
      asking.await(0, round % 8);
    }
    expect(told).toHaveLength(2700);
    expect(told[2699]).toEqual([2699, 8 * 4096, 8192, 7 * 2699 * 4096]);
  });

  test('of none are here', () => {
    const { asking } = rig(1);
    asking.ask(0, 1, []);
    asking.await(0, 1);
    expect(asking.isHere(0, 1)).toBe(true);
  });

  test.each(['fail', 'stop'] as const)('end in an error when readers %s', (end) => {
    const { asking, reading } = rig(1);
    asking.ask(0, 0, [read(1)]);
    reading[end]();
    expect(() => asking.await(0, 0)).toThrow(WindowClosed);
    const many = Array.from({ length: 2000 }, (_, i) => read(i));
    expect(() => asking.ask(0, 1, many)).toThrow(WindowClosed);
  });

  test('are counted, of all threads', () => {
    const { asking, reading } = rig(2);
    asking.count(0, 5, 4096);
    asking.count(1, 2, 8192);
    asking.countWait(0, 1.5);
    asking.countWait(1, 40);
    expect(reading.statistics).toEqual({ records: 7, bytes: 12_288, waitMs: 1.5 });
  });
});
