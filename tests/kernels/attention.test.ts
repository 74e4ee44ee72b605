import { describe, expect, test } from 'vitest';
import { attentionScratchBytes, kvPageBytes, pagePositions } from '../../runtime/kernels/kv-page.ts';
import { attend } from './reference/attention.ts';
import { halfToNumber, numberToHalf } from './reference/half.ts';
import { expectSameBits, onBothBuilds, seededFloats, type Workspace } from './support.ts';

const epsilon = 2 ** -24;
const elements = ['f16', 'f32'] as const;
type Element = (typeof elements)[number];
const bytesOf = { f16: 2, f32: 4 } as const;

interface Case {
  readonly element: Element;
  readonly headDim: number;
  readonly groupSize: number;
  readonly positions: number;
  /** f32 [groupSize, headDim]. */
  readonly q: Float32Array;
  /** f32 [positions, headDim] each. */
  readonly k: Float32Array;
  readonly v: Float32Array;
}

function makeCase(element: Element, headDim: number, groupSize: number, positions: number, spread = 1): Case {
  const seed = headDim * 31 + groupSize * 7 + positions;
  return {
    element,
    headDim,
    groupSize,
    positions,
    q: seededFloats(seed, groupSize * headDim, spread),
    k: seededFloats(seed + 1, positions * headDim),
    v: seededFloats(seed + 2, positions * headDim),
  };
}

/** Pages in memory in the given order; what is not stored stays NaN. Returns [out] of the attention. */
function run(
  workspace: Workspace,
  the: Case,
  pageOrder: (page: number, pages: number) => number,
): Float32Array {
  const { element, headDim, groupSize, positions, q, k, v } = the;
  const { kernels } = workspace;
  const pageCount = Math.ceil(positions / pagePositions);
  const pageStride = kvPageBytes(headDim, bytesOf[element]);
  const order = Array.from({ length: pageCount }, (_, i) => pageOrder(i, pageCount));
  const base = workspace.room((Math.max(...order) + 1) * pageStride);
  const store = element === 'f16' ? kernels.storeKvF16 : kernels.storeKvF32;
  const kPointer = workspace.f32(k);
  const vPointer = workspace.f32(v);
  for (let position = 0; position < positions; position++) {
    const page = base + order[Math.floor(position / pagePositions)]! * pageStride;
    const row = position * headDim * 4;
    store(page, kPointer + row, vPointer + row, position % pagePositions, headDim);
  }
  const out = workspace.room(q.length * 4);
  const attention = element === 'f16' ? kernels.attentionF16 : kernels.attentionF32;
  attention(
    workspace.f32(q),
    workspace.i32(order),
    base,
    pageStride,
    positions,
    headDim,
    groupSize,
    out,
    workspace.room(attentionScratchBytes(groupSize, positions)),
    1 / Math.sqrt(headDim),
  );
  return workspace.readF32(out, q.length);
}

function reference({ element, headDim, groupSize, positions, q, k, v }: Case): Float64Array {
  const stored = (x: number): number => (element === 'f16' ? halfToNumber(numberToHalf(x)) : x);
  const rows = (x: Float32Array): Float64Array[] =>
    Array.from({ length: positions }, (_, p) =>
      Float64Array.from(x.subarray(p * headDim, (p + 1) * headDim), stored),
    );
  const out = new Float64Array(q.length);
  for (let h = 0; h < groupSize; h++) {
    const query = Float64Array.from(q.subarray(h * headDim, (h + 1) * headDim));
    out.set(attend(query, rows(k), rows(v), 1 / Math.sqrt(headDim)), h * headDim);
  }
  return out;
}

const inOrder = (page: number): number => page;

describe.each(elements)('attention over %s pages', (element) => {
  test.each([
    [4, 1, 1],
    [8, 1, 3],
    [12, 4, 5],
    [64, 4, 64],
    [64, 7, 65],
    [20, 3, 130],
    [128, 8, 200],
    [256, 2, 17],
    [80, 5, 333],
  ])('agrees with f64: heads of %d, %d of them, %d positions', (headDim, groupSize, positions) => {
    const the = makeCase(element, headDim, groupSize, positions);
    const out = onBothBuilds((workspace) => run(workspace, the, inOrder));
    const expected = reference(the);
    out.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual((headDim + positions + 32) * 4 * epsilon);
    });
  });

  test('neither pages, nor other heads, nor what follows matter', () => {
    const the = makeCase(element, 64, 5, 150);
    const plain = onBothBuilds((workspace) => run(workspace, the, inOrder));
    const shuffled = onBothBuilds((workspace) => run(workspace, the, (page, pages) => 2 * (pages - page)));
    expectSameBits(shuffled, plain);
    for (let h = 0; h < 5; h++) {
      const q = the.q.slice(h * 64, (h + 1) * 64);
      const alone = onBothBuilds((workspace) => run(workspace, { ...the, groupSize: 1, q }, inOrder));
      expectSameBits(alone, plain.slice(h * 64, (h + 1) * 64));
    }
    const longer = { ...makeCase(element, 64, 5, 190), q: the.q };
    longer.k.set(the.k);
    longer.v.set(the.v);
    const cut = onBothBuilds((workspace) => run(workspace, { ...longer, positions: 150 }, inOrder));
    expectSameBits(cut, plain);
  });

  test('sharp distributions neither overflow nor vanish', () => {
    const the = makeCase(element, 32, 4, 70, 200);
    const out = onBothBuilds((workspace) => run(workspace, the, inOrder));
    const expected = reference(the);
    out.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(2e-3);
    });
  });
});

describe('storeKv', () => {
  const interesting = [
    0,
    -0,
    1,
    -1,
    65504,
    65519.9,
    65520,
    1e30,
    -1e30,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    3 * 2 ** -25,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    2 ** -14 - 2 ** -25,
    1e-40,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    2047.5,
  ];

  test('rounds to the nearest half in every place of a page', () => {
    const headDim = 8;
    const values = Float32Array.from([
      ...interesting,
      ...seededFloats(5, 2 * headDim * pagePositions - interesting.length, 100),
    ]);
    const page = onBothBuilds((workspace) => {
      const pointer = workspace.room(kvPageBytes(headDim, 2));
      const source = workspace.f32(values);
      for (let position = 0; position < pagePositions; position++) {
        const row = source + position * headDim * 8;
        workspace.kernels.storeKvF16(pointer, row, row + headDim * 4, position, headDim);
      }
      return workspace.readU8(pointer, kvPageBytes(headDim, 2));
    });
    const halves = new Uint16Array(page.buffer);
    for (let position = 0; position < pagePositions; position++) {
      for (let d = 0; d < headDim; d++) {
        const k = values[position * 2 * headDim + d]!;
        const v = values[position * 2 * headDim + headDim + d]!;
        expect(halves[((position >> 2) * headDim + d) * 4 + (position & 3)]).toBe(numberToHalf(k));
        expect(halves[(pagePositions + position) * headDim + d]).toBe(numberToHalf(v));
      }
    }
  });
});
