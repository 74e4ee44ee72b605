import { describe, expect, test } from 'vitest';
import { ByteRing } from '../../runtime/weights/byte-ring.ts';
import { Random } from '../support/random.ts';

const begin = 4096;
const bytes = 1000;

/** A ring of 1000 bytes, and which of its tiles are in use. */
function rig() {
  const used = new Set<number>();
  const ring = new ByteRing(begin, begin + bytes);
  return {
    place(tile: number, length: number): number | undefined {
      const address = ring.place(tile, length);
      if (address !== undefined) used.add(tile);
      return address;
    },
    release(...tiles: number[]) {
      for (const tile of tiles) used.delete(tile);
      ring.reclaim((tile) => used.has(tile));
    },
  };
}

describe('a ring of bytes', () => {
  test('gives room in order until it is full', () => {
    const ring = rig();
    expect([ring.place(0, 400), ring.place(1, 400), ring.place(2, 201)]).toEqual([
      begin,
      begin + 400,
      undefined,
    ]);
    expect(ring.place(2, 200)).toBe(begin + 800);
    expect(ring.place(3, 1)).toBeUndefined();
  });

  test('cuts no tile in two: what does not fit before the end goes to the beginning', () => {
    const ring = rig();
    ring.place(0, 400);
    ring.place(1, 400);
    ring.release(0);
    expect(ring.place(2, 300)).toBe(begin);
    // Of the oldest 400 bytes 100 are left, and the 200 before the end are behind.
    expect(ring.place(3, 101)).toBeUndefined();
    expect(ring.place(3, 100)).toBe(begin + 300);
    expect(ring.place(4, 1)).toBeUndefined();
    ring.release(1);
    expect(ring.place(4, 600)).toBe(begin + 400);
  });

  test('takes room back in order only', () => {
    const ring = rig();
    ring.place(0, 500);
    ring.place(1, 500);
    ring.release(1);
    expect(ring.place(2, 1)).toBeUndefined();
    ring.release(0);
    // Empty, it begins anew.
    expect(ring.place(2, 1000)).toBe(begin);
  });

  test('knows what it can never hold', () => {
    expect(() => rig().place(0, 1001)).toThrow('holds them, 1001');
  });

  test.each([1, 2, 3, 4, 5])('never gives a byte twice, seed %i', (seed) => {
    const random = new Random(seed);
    const ring = rig();
    const held: { tile: number; first: number; end: number }[] = [];
    let placed = 0;
    let refused = 0;
    for (let turn = 0; turn < 2000; turn += 1) {
      const length = 1 + random.integer(400);
      const first = ring.place(turn, length);
      if (first === undefined) {
        refused += 1;
        // Room for a tile is found at the latest when nobody holds any.
        expect(held.length).toBeGreaterThan(0);
        const index = random.integer(held.length);
        ring.release(...held.splice(index, 1).map(({ tile }) => tile));
        continue;
      }
      placed += 1;
      const end = first + length;
      expect(first >= begin && end <= begin + bytes, `${first} to ${end}`).toBe(true);
      for (const other of held)
        expect(end <= other.first || first >= other.end, `${first} to ${end}`).toBe(true);
      held.push({ tile: turn, first, end });
    }
    expect(Math.min(placed, refused)).toBeGreaterThan(200);
  });
});
