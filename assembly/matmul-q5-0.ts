import { FOURTH_AND_FIFTH, HALF_BITS, LOW_BYTES, LOW_FIVE, LOW_THREE, ONES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { fiveBitRows } from './five-bits';
import { evenBytes, multiplyAdd, oddBytes, weightScales } from './simd';

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_w · d_x · Σ (q_w − 16) · q_x.
 *
 * w: [paddedRows/8, columns/32] blocks of 176 bytes: 80 B of rows 0–3, 80 B of rows 4–7 (see `fiveBitRows`),
 * 8 scales. x, y, rounding, order of work and the stores inside the loop: as in `matmulQ4_0`.
 */
export function matmulQ5_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 176;
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
        if (block >= fetched) fetched = fetchStrip(block, 8 * 176);
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
        const offset = i32x4.shl(v128.load(stream, 48), 1); // 16 · Σ q_x
        low = multiplyAdd(
          f32x4.convert_i32x4_s(i32x4.sub(a, offset)),
          f32x4.mul(weightScales(block + 160, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(i32x4.sub(b, offset)),
          f32x4.mul(weightScales(block + 168, halfBits), xScale), high,
        );
        block += 176;
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
