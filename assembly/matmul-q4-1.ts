import { HALF_BITS, ONES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { nibbleMask, nibbleRows } from './matmul-q4-0';
import { evenBytes, multiplyAdd, oddBytes, weightScales } from './simd';

/** d · a + m · sum, both products and their sum rounded to f32. */
@inline
export function scaleAndShift(a: v128, d: v128, sum: v128, m: v128): v128 {
  return multiplyAdd(f32x4.convert_i32x4_s(a), d, f32x4.mul(sum, m));
}

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_x · (d_w · Σ q_w · q_x + m_w · Σ q_x).
 *
 * w: [paddedRows/8, columns/32] blocks of 160 bytes: 128 B nibbles (as in `matmulQ4_0`), 8 scales d_w, 8
 * minimums m_w. x, y, order of work and the stores inside the loop: as in `matmulQ4_0`. The integer sums are
 * exact, and so is their conversion; a block rounds five times, relative to the larger of its two products.
 */
export function matmulQ4_1(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 160;
  const mask = v128.load(nibbleMask());
  const ones = v128.load(ONES);
  const halfBits = v128.load(HALF_BITS);
  const rowEnd = y + (<usize>paddedRows << 2);
  let fetched = w;
  while (y < rowEnd) {
    const groupEnd = w + groupBytes;
    let stream = x;
    let out = y;
    for (let t = 0; t < count; t++) {
      let block = w;
      let low = f32x4.splat(0);
      let high = low;
      while (block < groupEnd) {
        if (block >= fetched) fetched = fetchStrip(block, 8 * 160);
        const xe = evenBytes(v128.load(stream));
        const xo = oddBytes(v128.load(stream));
        const ze = evenBytes(v128.load(stream, 16));
        const zo = oddBytes(v128.load(stream, 16));
        const a = i32x4.dot_i16x8_s(nibbleRows(block, xe, xo, ze, zo, mask, out), ones);
        const b = i32x4.dot_i16x8_s(nibbleRows(block + 64, xe, xo, ze, zo, mask, out + 16), ones);
        const xScale = v128.load(stream, 32);
        const sum = f32x4.convert_i32x4_s(i32x4.shr_s(v128.load(stream, 48), 3)); // Σ q_x
        const rowsLow = scaleAndShift(
          a, weightScales(block + 128, halfBits), sum, weightScales(block + 144, halfBits),
        );
        const rowsHigh = scaleAndShift(
          b, weightScales(block + 136, halfBits), sum, weightScales(block + 152, halfBits),
        );
        low = multiplyAdd(rowsLow, xScale, low);
        high = multiplyAdd(rowsHigh, xScale, high);
        block += 160;
        stream += 64;
      }
      v128.store(out, f32x4.mul(low, f32x4.splat(STREAM_SCALE)));
      v128.store(out, f32x4.mul(high, f32x4.splat(STREAM_SCALE)), 16);
      out += <usize>yStride << 2;
    }
    w = groupEnd;
    y += 32;
  }
}
