import { describe, expect, test } from 'vitest';
import {
  attentionScratchBytes,
  type KvFormat,
  kvFormats,
  kvKernels,
  kvPageBytes,
  pagePositions,
} from '../../runtime/kernels/kv-page.ts';
import { attend } from './reference/attention.ts';
import { halfToNumber, numberToHalf } from './reference/half.ts';
import { throughInt8 } from './reference/quantize.ts';
import { expectSameBits, onBothBuilds, seededFloats, type Workspace } from './support.ts';

const epsilon = 2 ** -24;
/** Dimensions of K that share a scale in q8 pages. */
const keyBlock = 32;

interface Case {
  readonly format: KvFormat;
  readonly headDim: number;
  readonly groupSize: number;
  /** What the first token sees; each of the others one more. */
  readonly positions: number;
  readonly tokens: number;
  /** f32 [tokens, groupSize, headDim]. */
  readonly q: Float32Array;
  /** f32 [positions + tokens − 1 or more, headDim] each. */
  readonly k: Float32Array;
  readonly v: Float32Array;
}

interface Shape {
  readonly headDim: number;
  readonly groupSize: number;
  readonly positions: number;
  readonly tokens?: number;
  /** Deviation of q, and of k and v. */
  readonly spread?: number;
  readonly size?: number;
}

function makeCase(format: KvFormat, shape: Shape): Case {
  const { headDim, groupSize, positions, tokens = 1, spread = 1, size = 1 } = shape;
  const seed = headDim * 31 + groupSize * 7 + positions;
  const stored = (positions + tokens - 1) * headDim;
  return {
    format,
    headDim,
    groupSize,
    positions,
    tokens,
    q: seededFloats(seed, tokens * groupSize * headDim, spread),
    k: seededFloats(seed + 1, stored, size),
    v: seededFloats(seed + 2, stored, size),
  };
}

/** Floats between the rows of two tokens' queries, and of their outputs. */
const queryGap = 8;
const outGap = 4;

function spaced(x: Float32Array, rows: number, gap: number): Float32Array {
  const size = x.length / rows;
  const out = new Float32Array(rows * (size + gap)).fill(Number.NaN);
  for (let row = 0; row < rows; row++) out.set(x.subarray(row * size, (row + 1) * size), row * (size + gap));
  return out;
}

/** Pages in memory in the given order; what is not stored stays NaN. Returns [tokens, groupSize, headDim]. */
function run(
  workspace: Workspace,
  the: Case,
  pageOrder: (page: number, pages: number) => number,
): Float32Array {
  const { format, headDim, groupSize, positions, tokens, q, k, v } = the;
  const stored = k.length / headDim;
  const pageCount = Math.ceil(stored / pagePositions);
  const pageStride = kvPageBytes(headDim, format);
  const order = Array.from({ length: pageCount }, (_, i) => pageOrder(i, pageCount));
  const base = workspace.room((Math.max(...order) + 1) * pageStride);
  const { store, attention } = kvKernels(workspace.kernels, format);
  const kPointer = workspace.f32(k);
  const vPointer = workspace.f32(v);
  for (let position = 0; position < stored; position++) {
    const page = base + order[Math.floor(position / pagePositions)]! * pageStride;
    const row = position * headDim * 4;
    store(page, kPointer + row, vPointer + row, position % pagePositions, headDim);
  }
  const size = groupSize * headDim;
  const out = workspace.room(tokens * (size + outGap) * 4);
  attention(
    workspace.f32(spaced(q, tokens, queryGap)),
    workspace.i32(order),
    base,
    pageStride,
    positions,
    tokens,
    headDim,
    groupSize,
    out,
    size + queryGap,
    size + outGap,
    workspace.room(attentionScratchBytes(headDim, positions + tokens - 1)),
    1 / Math.sqrt(headDim),
  );
  const rows = Array.from({ length: tokens }, (_, t) => {
    const gap = workspace.readF32(out + (t * (size + outGap) + size) * 4, outGap);
    expect(gap.every(Number.isNaN), 'nothing is written between tokens').toBe(true);
    return workspace.readF32(out + t * (size + outGap) * 4, size);
  });
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

/** Rows of K or V as the cache holds them. */
function storedRows({ format, headDim, k, v }: Case, which: 'k' | 'v'): Float64Array[] {
  const x = which === 'k' ? k : v;
  return Array.from({ length: x.length / headDim }, (_, p) => {
    const row = x.subarray(p * headDim, (p + 1) * headDim);
    if (format === 'f32') return Float64Array.from(row);
    if (format === 'f16') return Float64Array.from(row, (value) => halfToNumber(numberToHalf(value)));
    if (which === 'v') return throughInt8(row, headDim);
    const out = new Float64Array(headDim);
    for (let d = 0; d < headDim; d += keyBlock) {
      const block = row.subarray(d, d + keyBlock);
      out.set(throughInt8(block, block.length), d);
    }
    return out;
  });
}

function reference(the: Case): Float64Array {
  const { headDim, groupSize, positions, tokens, q } = the;
  const k = storedRows(the, 'k');
  const v = storedRows(the, 'v');
  const out = new Float64Array(q.length);
  for (let row = 0; row < tokens * groupSize; row++) {
    const seen = positions + Math.floor(row / groupSize);
    const query = Float64Array.from(q.subarray(row * headDim, (row + 1) * headDim));
    out.set(attend(query, k.slice(0, seen), v.slice(0, seen), 1 / Math.sqrt(headDim)), row * headDim);
  }
  return out;
}

const largest = (x: ArrayLike<number>): number =>
  Array.from(x).reduce((max, value) => Math.max(max, Math.abs(value)), 0);

/**
 * What an output may be off. Floats: rounding. q8, besides: half a step of the query, 2^-16 of its largest element, in
 * every product of a score; half a step of a weight, 2^-16 of its page's largest, at every position.
 */
function tolerance(the: Case): number {
  const { format, headDim, positions, tokens, q } = the;
  const rounding = (headDim + positions + tokens + 32) * 4 * epsilon;
  if (format !== 'q8') return rounding;
  const keySum = Math.max(
    ...storedRows(the, 'k').map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)),
  );
  const score = (largest(q) * 2 ** -16 * keySum) / Math.sqrt(headDim);
  return rounding + (2 * score + 2 ** -16 * pagePositions) * largest(the.v);
}

function expectClose(out: Float32Array, the: Case): void {
  const expected = reference(the);
  const bound = tolerance(the);
  out.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(bound);
  });
}

const inOrder = (page: number): number => page;
const runInOrder = (the: Case): Float32Array => onBothBuilds((workspace) => run(workspace, the, inOrder));

/** One token of a case, as if it came alone: nothing behind what it sees is stored. */
function tokenAlone(the: Case, token: number): Case {
  const size = the.groupSize * the.headDim;
  const positions = the.positions + token;
  return {
    ...the,
    tokens: 1,
    positions,
    q: the.q.slice(token * size, (token + 1) * size),
    k: the.k.slice(0, positions * the.headDim),
    v: the.v.slice(0, positions * the.headDim),
  };
}

describe.each(kvFormats)('attention over %s pages', (format) => {
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
    [36, 6, 90],
    [32, 9, 70],
  ])('agrees with f64: heads of %d, %d of them, %d positions', (headDim, groupSize, positions) => {
    const the = makeCase(format, { headDim, groupSize, positions });
    expectClose(runInOrder(the), the);
  });

  test('neither pages, nor other heads, nor what follows matter', () => {
    const the = makeCase(format, { headDim: 64, groupSize: 5, positions: 150 });
    const plain = runInOrder(the);
    const shuffled = onBothBuilds((workspace) => run(workspace, the, (page, pages) => 2 * (pages - page)));
    expectSameBits(shuffled, plain);
    for (let h = 0; h < 5; h++) {
      const q = the.q.slice(h * 64, (h + 1) * 64);
      expectSameBits(runInOrder({ ...the, groupSize: 1, q }), plain.slice(h * 64, (h + 1) * 64));
    }
    const longer = makeCase(format, { headDim: 64, groupSize: 5, positions: 190 });
    longer.k.set(the.k);
    longer.v.set(the.v);
    expectSameBits(runInOrder({ ...the, k: longer.k, v: longer.v }), plain);
  });

  test.each([
    [64, 1, 62, 9],
    [8, 2, 1, 7],
    [20, 3, 61, 6],
    [64, 4, 127, 3],
    [36, 7, 60, 5],
  ])(
    'tokens together have the bits they have alone: heads of %d, %d of them, from %d positions, %d tokens',
    (headDim, groupSize, positions, tokens) => {
      const the = makeCase(format, { headDim, groupSize, positions, tokens });
      const out = runInOrder(the);
      expectClose(out, the);
      const size = groupSize * headDim;
      for (let token = 0; token < tokens; token++) {
        expectSameBits(runInOrder(tokenAlone(the, token)), out.slice(token * size, (token + 1) * size));
      }
    },
  );

  test('what is not a number reaches those who see it, and no one else', () => {
    const the = makeCase(format, { headDim: 36, groupSize: 3, positions: 62, tokens: 4 });
    const size = the.groupSize * the.headDim;
    const healthy = runInOrder(the);
    for (const which of ['k', 'v'] as const) {
      const poisoned = { ...the, [which]: the[which].slice() };
      poisoned[which][64 * the.headDim + 3] = Number.NaN;
      const out = runInOrder(poisoned);
      expectSameBits(out.slice(0, 3 * size), healthy.slice(0, 3 * size));
      const last = out.slice(3 * size);
      // NaN of halves is read as a large number.
      if (format === 'f16') expect(last).not.toEqual(healthy.slice(3 * size));
      else expect(last.some(Number.isNaN)).toBe(true);
    }
  });

  test('sharp distributions neither overflow nor vanish', () => {
    const the = makeCase(format, { headDim: 32, groupSize: 4, positions: 70, spread: 200 });
    const expected = reference(the);
    const bound = format === 'q8' ? tolerance(the) : 2e-3;
    runInOrder(the).forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(bound);
    });
  });
});

describe('attention over q8 pages', () => {
  test.each([2 ** -40, 2 ** 50])('keeps its precision for values of about %d', (size) => {
    const the = makeCase('q8', {
      headDim: 64,
      groupSize: 5,
      positions: 100,
      tokens: 2,
      size,
      spread: 1 / size,
    });
    expectClose(runInOrder(the), the);
  });

  test('the largest integers there can be fit their lanes', () => {
    const the = makeCase('q8', { headDim: 256, groupSize: 4, positions: 128 });
    the.q.fill(1);
    the.k.fill(1);
    the.v.fill(-1);
    const out = runInOrder(the);
    out.forEach((value) => {
      expect(Math.abs(value + 1)).toBeLessThan(1e-5);
    });
  });
});
