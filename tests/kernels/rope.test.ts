import { describe, expect, test } from 'vitest';
import { expectSameBits, onBothBuilds, seededFloats } from './support.ts';

const epsilon = 2 ** -24;

function frequencies(pairs: number): Float64Array {
  return Float64Array.from({ length: pairs }, (_, i) => 500_000 ** (-i / pairs));
}

function makeTable(firstPosition: number, count: number, pairs: number, magnitude: number): Float32Array {
  return onBothBuilds((workspace) => {
    const out = workspace.room(count * pairs * 8);
    const pointer = workspace.f64(frequencies(pairs));
    workspace.kernels.ropeTable(out, firstPosition, count, pointer, pairs, magnitude);
    return workspace.readF32(out, count * pairs * 2);
  });
}

describe('ropeTable', () => {
  test.each([
    [0, 1],
    [1000, 1.25],
    [1_000_000, 1],
  ])('holds cosines, then sines, from position %d on', (first, magnitude) => {
    const pairs = 6;
    const table = makeTable(first, 5, pairs, magnitude);
    table.forEach((value, at) => {
      const position = first + Math.floor(at / (2 * pairs));
      const angle = position * frequencies(pairs)[at % pairs]!;
      const expected = magnitude * (at % (2 * pairs) < pairs ? Math.cos(angle) : Math.sin(angle));
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(magnitude * epsilon + 2 ** -52 * angle);
    });
  });

  test('a row is the same whatever table it stands in', () => {
    expectSameBits(makeTable(3, 4, 4, 1).slice(8, 16), makeTable(4, 1, 4, 1));
  });
});

describe('rope', () => {
  test.each([
    [8, 4],
    [12, 5],
    [64, 32],
    [20, 8],
    [4, 1],
  ])('turns heads of %d elements by %d pairs', (headDim, pairs) => {
    const headCount = 3;
    const stride = headCount * headDim + 4;
    const positions = [2, 0, 4];
    const table = makeTable(10, 5, pairs, 1);
    const x = seededFloats(headDim, stride * positions.length);
    const out = onBothBuilds((workspace) => {
      const pointer = workspace.f32(x);
      workspace.kernels.rope(
        pointer,
        workspace.f32(table),
        workspace.i32(positions),
        headCount,
        headDim,
        pairs,
        positions.length,
        stride,
      );
      return workspace.readF32(pointer, x.length);
    });
    out.forEach((value, at) => {
      const row = positions[Math.floor(at / stride)]! * 2 * pairs;
      const inToken = at % stride;
      const inHead = inToken % headDim;
      if (inToken >= headCount * headDim || inHead >= 2 * pairs) {
        expect(value).toBe(x[at]);
        return;
      }
      const pair = inHead % pairs;
      const cosine = table[row + pair]!;
      const sine = table[row + pairs + pair]!;
      const [mine, other, sign] = inHead < pairs ? [x[at]!, x[at + pairs]!, -1] : [x[at]!, x[at - pairs]!, 1];
      expect(value).toBe(Math.fround(Math.fround(mine * cosine) + sign * Math.fround(other * sine)));
    });
  });
});
