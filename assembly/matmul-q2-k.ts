import { HALF_BITS, LOW_BYTES, LOW_NIBBLES, LOW_TWO, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { combine, twiceHigh, twiceLow } from './matmul-q4-k';
import { evenBytes, oddBytes, pairProducts, splat0, splat1, splat2, splat3, weightScales } from './simd';

/**
 * 4 rows × 16 columns of 2-bit quants: i16 lanes 2·row, 2·row + 1 each with half of the row's sum, within
 * 8·3·127. Byte 4·row + j of q has column 4v + j at bit 2v.
 */
@inline
function twoBitRows(q: v128, xe: v128, xo: v128, lowTwo: v128, lowBytes: v128): v128 {
  let sum = pairProducts(splat0(xe), splat0(xo), v128.and(q, lowTwo), lowBytes);
  let quants = v128.and(i16x8.shr_u(q, 2), lowTwo);
  sum = i16x8.add(sum, pairProducts(splat1(xe), splat1(xo), quants, lowBytes));
  quants = v128.and(i16x8.shr_u(q, 4), lowTwo);
  sum = i16x8.add(sum, pairProducts(splat2(xe), splat2(xo), quants, lowBytes));
  quants = v128.and(i16x8.shr_u(q, 6), lowTwo);
  return i16x8.add(sum, pairProducts(splat3(xe), splat3(xo), quants, lowBytes));
}

/**
 * y[t, r] = Σ over blocks of 256 columns, in order: d_x · (d · Σ_s sc_s · Σ q_w · q_x − dmin · Σ_s min_s · Σ
 * q_x), s over 16 sub-blocks of 16 columns.
 *
 * w: [paddedRows/8, columns/256] blocks of 672 bytes: 16 sub-blocks of 16 B of rows 0–3 and 16 B of rows 4–7
 * (see `twoBitRows`) | [16 sub-blocks][8 rows] bytes with sc in the low and min in the high nibble at 512 | 8
 * scales d at 640 | 8 scales dmin at 656. x: the stream of `quantizeQ8K`, [count, columns/256] × 352 B.
 * y, order of work and the stores inside the loop: as in `matmulQ4_0`. The integer sums of a block are exact
 * and below 2^21, so their conversion to f32 is too; the five operations of a block round.
 */
export function matmulQ2_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 672;
  const lowTwo = v128.load(LOW_TWO);
  const lowNibbles = v128.load(LOW_NIBBLES);
  const lowBytes = v128.load(LOW_BYTES);
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
        if (block >= fetched) fetched = fetchStrip(block, 672);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let minLow = sumLow; // −32 · Σ min · Σ q_x
        let minHigh = sumLow;
        let scale = block + 512;
        let offsets = stream + 288;
        const streamEnd = stream + 256;
        do {
          const xe = evenBytes(v128.load(stream));
          const xo = oddBytes(v128.load(stream));
          const a = twoBitRows(v128.load(block), xe, xo, lowTwo, lowBytes);
          v128.store(out, a);
          const b = twoBitRows(v128.load(block, 16), xe, xo, lowTwo, lowBytes);
          v128.store(out, b, 16);
          const both = v128.load8x8_u(scale);
          const scales = v128.and(both, lowNibbles);
          sumLow = i32x4.add(sumLow, i32x4.dot_i16x8_s(a, twiceLow(scales)));
          sumHigh = i32x4.add(sumHigh, i32x4.dot_i16x8_s(b, twiceHigh(scales)));
          const mins = i16x8.shr_u(both, 4);
          const offset = v128.load32_splat(offsets);
          minLow = i32x4.add(minLow, i32x4.dot_i16x8_s(offset, twiceLow(mins)));
          minHigh = i32x4.add(minHigh, i32x4.dot_i16x8_s(offset, twiceHigh(mins)));
          block += 32;
          stream += 16;
          scale += 8;
          offsets += 4;
        } while (stream < streamEnd);
        const xScale = v128.load(stream, 16);
        const rowsLow = combine(
          sumLow, weightScales(block + 128, halfBits),
          i32x4.shr_s(i32x4.neg(minLow), 5), weightScales(block + 144, halfBits),
        );
        const rowsHigh = combine(
          sumHigh, weightScales(block + 136, halfBits),
          i32x4.shr_s(i32x4.neg(minHigh), 5), weightScales(block + 152, halfBits),
        );
        low = f32x4.add(low, f32x4.mul(rowsLow, xScale));
        high = f32x4.add(high, f32x4.mul(rowsHigh, xScale));
        block += 160;
        stream += 96;
      }
      v128.store(out, f32x4.mul(low, f32x4.splat(STREAM_SCALE)));
      v128.store(out, f32x4.mul(high, f32x4.splat(STREAM_SCALE)), 16);
      out += <usize>yStride << 2;
    }
    w = groupEnd;
    y += 32;
  }
}
