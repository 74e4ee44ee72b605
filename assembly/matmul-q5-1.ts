import { FOURTH_AND_FIFTH, HALF_BITS, LOW_BYTES, LOW_FIVE, LOW_THREE, ONES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { fiveBitRows } from './five-bits';
import { scaleAndShift } from './matmul-q4-1';
import { evenBytes, multiplyAdd, oddBytes, weightScales } from './simd';

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_x · (d_w · Σ q_w · q_x + m_w · Σ q_x).
 *
 * w: [paddedRows/8, columns/32] blocks of 192 bytes: 80 B of rows 0–3, 80 B of rows 4–7 (see `fiveBitRows`),
 * 8 scales d_w, 8 minimums m_w. x, y, order of work and the stores inside the loop: as in `matmulQ4_0`;
 * rounding as in `matmulQ4_1`.
 */
export function matmulQ5_1(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 192;
  const lowFive = v128.load(LOW_FIVE);
  const lowThree = v128.load(LOW_THREE);
  const fourthAndFifth = v128.load(FOURTH_AND_FIFTH);
  const lowBytes = v128.load(LOW_BYTES);
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
        if (block >= fetched) fetched = fetchStrip(block, 8 * 192);
        const xe = evenBytes(v128.load(stream));
        const xo = oddBytes(v128.load(stream));
        const ze = evenBytes(v128.load(stream, 16));
        const zo = oddBytes(v128.load(stream, 16));
        const a = fiveBitRows(
          block, xe, xo, ze, zo, ones, out, lowFive, lowThree, fourthAndFifth, lowBytes,
        );
        const b = fiveBitRows(
          block + 80, xe, xo, ze, zo, ones, out + 16, lowFive, lowThree, fourthAndFifth, lowBytes,
        );
        const xScale = v128.load(stream, 32);
        const sum = f32x4.convert_i32x4_s(i32x4.shr_s(v128.load(stream, 48), 3)); // Σ q_x
        const rowsLow = scaleAndShift(
          a, weightScales(block + 160, halfBits), sum, weightScales(block + 176, halfBits),
        );
        const rowsHigh = scaleAndShift(
          b, weightScales(block + 168, halfBits), sum, weightScales(block + 184, halfBits),
        );
        low = multiplyAdd(rowsLow, xScale, low);
        high = multiplyAdd(rowsHigh, xScale, high);
        block += 192;
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
