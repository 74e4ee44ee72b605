import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { onBothBuilds, Workspace } from './support.ts';

const mostBytes = (length: number): number => 4 * length + Math.ceil(length / 32);

function pack(values: Int32Array): Uint8Array {
  return onBothBuilds((workspace) => {
    const target = workspace.room(mostBytes(values.length));
    const bytes = workspace.kernels.packInt32(workspace.i32(values), target, values.length);
    expect(bytes).toBeLessThanOrEqual(mostBytes(values.length));
    return workspace.readU8(target, bytes);
  });
}

interface Unpacked {
  readonly consumed: number;
  readonly values: Int32Array;
}

function unpack(bytes: Uint8Array, length: number): Unpacked {
  const all = onBothBuilds((workspace) => {
    const target = workspace.room(4 * length);
    const consumed = workspace.kernels.unpackInt32(workspace.u8(bytes), bytes.length, target, length);
    return Int32Array.of(consumed, ...workspace.readI32(target, length));
  });
  return { consumed: all[0]!, values: all.slice(1) };
}

const numbers = fc
  .tuple(fc.integer({ min: 0, max: 32 }), fc.nat({ max: 200 }))
  .chain(([bits, length]) =>
    fc.array(
      fc.integer({ min: bits === 0 ? 0 : -(2 ** (bits - 1)), max: bits === 0 ? 0 : 2 ** (bits - 1) - 1 }),
      { minLength: length, maxLength: length },
    ),
  );

describe('packInt32', () => {
  test('comes back whole, whatever follows it', () => {
    fc.assert(
      fc.property(numbers, fc.uint8Array({ maxLength: 9 }), (list, rest) => {
        const values = Int32Array.from(list);
        const packed = pack(values);
        const { consumed, values: unpacked } = unpack(Uint8Array.of(...packed, ...rest), values.length);
        expect(consumed).toBe(packed.length);
        expect(unpacked).toEqual(values);
      }),
      { numRuns: 150, seed: 20 },
    );
  });

  test('small numbers take few bytes', () => {
    expect(pack(new Int32Array(64)).length).toBe(2);
    expect(pack(new Int32Array(32).fill(-1)).length).toBe(1 + 4);
    expect(pack(Int32Array.from({ length: 33 }, (_, i) => i - 16)).length).toBe(1 + 4 * 5 + 1 + 1);
  });

  test('has the written layout', () => {
    // zigzag 2, 3, 5, 0 in 3 bits each: 010 011 101 000, least significant first.
    expect([...pack(Int32Array.of(1, -2, -3, 0))]).toEqual([3, 0b01_011_010, 0b0000_0001]);
    expect([...pack(Int32Array.of(-(2 ** 31)))]).toEqual([32, 0xff, 0xff, 0xff, 0xff]);
    expect([...pack(new Int32Array(0))]).toEqual([]);
  });
});

describe('unpackInt32 refuses', () => {
  test('each cut of a packed row', () => {
    const packed = pack(Int32Array.from({ length: 70 }, (_, i) => (i * 7919) % 1000));
    for (let bytes = 0; bytes < packed.length; bytes++) {
      expect(unpack(packed.subarray(0, bytes), 70).consumed).toBe(-1);
    }
  });

  test('a width above 32', () => {
    for (const width of [33, 64, 255]) expect(unpack(new Uint8Array(300).fill(width), 32).consumed).toBe(-1);
  });

  test('unused bits that are not zero', () => {
    expect(unpack(Uint8Array.of(3, 0b1000_0001), 2).consumed).toBe(-1);
    expect(unpack(Uint8Array.of(3, 0b0010_0001), 2).consumed).toBe(2);
  });

  test('nothing else: hostile bytes never reach beyond their buffers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 100 }), (bytes, length) => {
        const { consumed } = unpack(bytes, length);
        expect(consumed).toBeLessThanOrEqual(bytes.length);
        expect(consumed).toBeGreaterThanOrEqual(-1);
      }),
      { numRuns: 150, seed: 21 },
    );
  });

  test('bytes at the very end of the memory are not read past', () => {
    const workspace = new Workspace('baseline');
    const packed = pack(Int32Array.from({ length: 45 }, (_, i) => i * 100));
    const end = workspace.kernels.memory.buffer.byteLength;
    workspace.arena.u8(end - packed.length, packed.length).set(packed);
    const consumed = workspace.kernels.unpackInt32(end - packed.length, packed.length, 4096, 45);
    expect(consumed).toBe(packed.length);
  });
});
