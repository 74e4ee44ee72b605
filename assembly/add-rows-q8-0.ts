import { factorPairs, factorScale, highLanes, lowLanes, sumsToFloats, totalBytes } from './row-factors';
import { fetchRow, listed, scaleBytes } from './rows';

@inline
function evenLanes(v: v128): v128 {
  return i16x8.shr_s(i16x8.shl(v, 8), 8);
}

/** Adds 8 columns of four rows to 8 sums: lanes of two bytes, columns 2i and 2i + 1, of two rows side by side. */
@inline
function addBytes(sums: usize, p: v128, q: v128, f: v128, g: v128): void {
  const even = i32x4.add(i32x4.dot_i16x8_s(evenLanes(p), f), i32x4.dot_i16x8_s(evenLanes(q), g));
  v128.store(sums, i32x4.add(v128.load(sums), even));
  const odd = i32x4.add(i32x4.dot_i16x8_s(i16x8.shr_s(p, 8), f), i32x4.dot_i16x8_s(i16x8.shr_s(q, 8), g));
  v128.store(sums, i32x4.add(v128.load(sums, 16), odd), 16);
}

/** As `addRowsQ4_0`, with rows of `dotRowsQ8_0`: sums stay within 256·128·32767 < 2^31. */
export function addRowsQ8_0(
  w: usize, list: usize, length: i32, values: usize, y: usize, columns: i32, scratch: usize, stride: usize,
): void {
  const quantBytes = <usize>columns;
  const scaleLength = scaleBytes(columns);
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
      const f = v128.load32_splat(pair);
      const g = v128.load32_splat(pair, 4);
      for (const blockEnd = a + 32; a < blockEnd; a += 16) {
        const p = v128.load(a);
        const q = v128.load(b);
        const r = v128.load(c);
        const s = v128.load(d);
        addBytes(sums, lowLanes(p, q), lowLanes(r, s), f, g);
        addBytes(sums + 32, highLanes(p, q), highLanes(r, s), f, g);
        b += 16;
        c += 16;
        d += 16;
        sums += 64;
      }
      pair += 8;
    }
  }
  sumsToFloats(y, scratch, columns, 0, scale);
}
