import { HALF_BITS, LOW_BYTES, NIBBLES, STREAM_SCALE, TOP_BITS } from './constants';
import { fetchStrip } from './fetch';
import { twiceHigh, twiceLow } from './matmul-q4-k';
import {
  evenBytes,
  multiplyAdd,
  oddBytes,
  pairProducts,
  splat0,
  splat1,
  splat2,
  splat3,
  weightScales,
} from './simd';

/**
 * 4 rows × 16 columns of 6-bit quants: i16 lanes 2·row, 2·row + 1 each with half of the row's sum, `offset`
 * (−32 · Σ q_x of that half) added. Partial sums may wrap around, the whole is within 8·32·127 = 32512.
 * first, second: nibbles of columns 0–3 | 8–11 and 4–7 | 12–15; top: two bits of each of the four fours.
 */
@inline
function sixBitRows(
  first: v128, second: v128, top: v128, offset: v128, xe: v128, xo: v128,
  nibbles: v128, topBits: v128, lowBytes: v128,
): v128 {
  let q = v128.or(v128.and(first, nibbles), v128.and(i16x8.shl(top, 4), topBits));
  let sum = i16x8.add(offset, pairProducts(splat0(xe), splat0(xo), q, lowBytes));
  q = v128.or(v128.and(second, nibbles), v128.and(i16x8.shl(top, 2), topBits));
  sum = i16x8.add(sum, pairProducts(splat1(xe), splat1(xo), q, lowBytes));
  q = v128.or(v128.and(i16x8.shr_u(first, 4), nibbles), v128.and(top, topBits));
  sum = i16x8.add(sum, pairProducts(splat2(xe), splat2(xo), q, lowBytes));
  q = v128.or(v128.and(i16x8.shr_u(second, 4), nibbles), v128.and(i16x8.shr_u(top, 2), topBits));
  return i16x8.add(sum, pairProducts(splat3(xe), splat3(xo), q, lowBytes));
}

/**
 * y[t, r] = Σ over blocks of 256 columns, in order: d · d_x · Σ_s sc_s · Σ (q_w − 32) · q_x, s over 16
 * sub-blocks of 16 columns.
 *
 * w: [paddedRows/8, columns/256] blocks of 1680 bytes: 16 units (16 columns each) of 96 B: `first` of rows
 * 0–3, `second` of rows 0–3, `first` and `second` of rows 4–7, `top` of rows 0–3, `top` of rows 4–7, 16 B
 * each, byte 4·row + j for column j of each four | int8 sc [16 units][8 rows] at 1536 | 8 scales d at 1664.
 * x: the stream of `quantizeQ8K`, [count, columns/256] × 352 B. y, order of work and the stores inside the
 * loop: as in `matmulQ4_0`. The integer sum of a block is exact and below 2^28; converting it to f32 rounds,
 * and so do the three operations of a block.
 */
export function matmulQ6_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 1680;
  const nibbles = v128.load(NIBBLES);
  const topBits = v128.load(TOP_BITS);
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
        if (block >= fetched) fetched = fetchStrip(block, 1680);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let scale = block + 1536;
        let offsets = stream + 288;
        const streamEnd = stream + 256;
        do {
          const xe = evenBytes(v128.load(stream));
          const xo = oddBytes(v128.load(stream));
          const offset = v128.load32_splat(offsets);
          const a = sixBitRows(
            v128.load(block), v128.load(block, 16), v128.load(block, 64),
            offset, xe, xo, nibbles, topBits, lowBytes,
          );
          v128.store(out, a);
          const b = sixBitRows(
            v128.load(block, 32), v128.load(block, 48), v128.load(block, 80),
            offset, xe, xo, nibbles, topBits, lowBytes,
          );
          v128.store(out, b, 16);
          const scales = v128.load8x8_s(scale);
          sumLow = i32x4.add(sumLow, i32x4.dot_i16x8_s(a, twiceLow(scales)));
          sumHigh = i32x4.add(sumHigh, i32x4.dot_i16x8_s(b, twiceHigh(scales)));
          block += 96;
          stream += 16;
          scale += 8;
          offsets += 4;
        } while (stream < streamEnd);
        const xScale = v128.load(stream, 16);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(sumLow), f32x4.mul(weightScales(block + 128, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(sumHigh), f32x4.mul(weightScales(block + 136, halfBits), xScale), high,
        );
        block += 144;
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
