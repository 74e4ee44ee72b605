import { LOW_NIBBLES } from './constants';
import { factorPairs, factorScale, highLanes, lowLanes, sumsToFloats, totalBytes } from './row-factors';
import { fetchRow, listed, scaleBytes } from './rows';

/** Adds p · (factors at f) + q · (factors at g) to 4 sums: i16 lanes of two rows side by side. */
@inline
function addLanes(sums: usize, p: v128, q: v128, f: v128, g: v128): void {
  const both = i32x4.add(i32x4.dot_i16x8_s(p, f), i32x4.dot_i16x8_s(q, g));
  v128.store(sums, i32x4.add(v128.load(sums), both));
}

/** A lane has four nibbles: columns 2i, 16 + 2i, 2i + 1, 17 + 2i. */
@inline
function addNibbles(sums: usize, p: v128, q: v128, f: v128, g: v128, mask: v128): void {
  addLanes(sums, v128.and(p, mask), v128.and(q, mask), f, g);
  addLanes(sums + 16, v128.and(i16x8.shr_u(p, 8), mask), v128.and(i16x8.shr_u(q, 8), mask), f, g);
  addLanes(sums + 64, v128.and(i16x8.shr_u(p, 4), mask), v128.and(i16x8.shr_u(q, 4), mask), f, g);
  addLanes(sums + 80, i16x8.shr_u(p, 12), i16x8.shr_u(q, 12), f, g);
}

/**
 * y = Σ over i < length of values[i] · row list[i], f32 [columns], as `row-factors.ts` says; at most 256 rows, so that
 * sums stay within 256·15·32767 < 2^27. w: as in `dotRowsQ4_0`. scratch: 48 bytes for each 128 columns.
 */
export function addRowsQ4_0(
  w: usize, list: usize, length: i32, values: usize, y: usize, columns: i32, scratch: usize, stride: usize,
): void {
  const quantBytes = <usize>columns >> 1;
  const scaleLength = scaleBytes(columns);
  const mask = v128.load(LOW_NIBBLES);
  const pairs = scratch + totalBytes(columns);
  memory.fill(y, 0, <usize>columns << 2);
  memory.fill(scratch, 0, totalBytes(columns));
  const scale = factorScale(w + quantBytes, list, length, values, stride, scaleLength);
  if (scale == 0) return;
  for (let i = 0; i < length; i += 4) {
    let a = w + listed(list, length, i) * stride;
    let b = w + listed(list, length, i + 1) * stride;
    let c = w + listed(list, length, i + 2) * stride;
    let d = w + listed(list, length, i + 3) * stride;
    fetchRow(a, quantBytes);
    fetchRow(b, quantBytes);
    fetchRow(c, quantBytes);
    fetchRow(d, quantBytes);
    const end = a + quantBytes;
    factorPairs(end, b + quantBytes, values, length, i, scale, scratch, pairs, scaleLength);
    factorPairs(c + quantBytes, d + quantBytes, values, length, i + 2, scale, scratch, pairs + 4, scaleLength);
    let pair = pairs;
    let sums = y;
    while (a < end) {
      const p = v128.load(a);
      const q = v128.load(b);
      const r = v128.load(c);
      const s = v128.load(d);
      const f = v128.load32_splat(pair);
      const g = v128.load32_splat(pair, 4);
      addNibbles(sums, lowLanes(p, q), lowLanes(r, s), f, g, mask);
      addNibbles(sums + 32, highLanes(p, q), highLanes(r, s), f, g, mask);
      a += 16;
      b += 16;
      c += 16;
      d += 16;
      pair += 8;
      sums += 128;
    }
  }
  sumsToFloats(y, scratch, columns, 8, scale);
}
