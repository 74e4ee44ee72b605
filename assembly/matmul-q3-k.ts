import { HALF_BITS, LOW_BYTES, LOW_THREE, LOW_TWO, STREAM_SCALE, THIRD_BIT } from './constants';
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
 * 4 rows × 32 columns of 3-bit quants in 48 bytes at q: each row's two sums of 16 columns, each times its
 * scale, added up.
 *
 * Byte 4·row + j of the three vectors a, b, c has column 4v + j, v = 0…7, so: v = 0 and 1 in the low six bits
 * of a, 2 and 3 of b, 4 and 5 of c; the low two bits of 6 at the top of a, of 7 at the top of b; their third
 * bits at the top of c. So six quants of eight take one mask and half a shift, two take five operations.
 * first, second: −4 · Σ q_x of the columns that an i16 lane sums, of 0–15 and 16–31; with it a lane is within
 * 8·4·127. Scales: each twice, beside both halves of a row's sum. x and out: as in `nibbleRows`.
 */
@inline
function threeBitRows(
  q: usize, first: v128, second: v128, xe: v128, xo: v128, ze: v128, zo: v128,
  firstScales: v128, secondScales: v128, out: usize,
  lowTwo: v128, thirdBit: v128, lowThree: v128, lowBytes: v128,
): v128 {
  const a = v128.load(q);
  const b = v128.load(q, 16);
  first = i16x8.add(first, pairProducts(splat0(xe), splat0(xo), v128.and(a, lowThree), lowBytes));
  let quants = v128.and(i16x8.shr_u(a, 3), lowThree);
  first = i16x8.add(first, pairProducts(splat1(xe), splat1(xo), quants, lowBytes));
  first = i16x8.add(first, pairProducts(splat2(xe), splat2(xo), v128.and(b, lowThree), lowBytes));
  quants = v128.and(i16x8.shr_u(b, 3), lowThree);
  first = i16x8.add(first, pairProducts(splat3(xe), splat3(xo), quants, lowBytes));
  v128.store(out, first);
  const c = v128.load(q, 32);
  second = i16x8.add(second, pairProducts(splat0(ze), splat0(zo), v128.and(c, lowThree), lowBytes));
  quants = v128.and(i16x8.shr_u(c, 3), lowThree);
  second = i16x8.add(second, pairProducts(splat1(ze), splat1(zo), quants, lowBytes));
  quants = v128.or(v128.and(i16x8.shr_u(a, 6), lowTwo), v128.and(i16x8.shr_u(c, 4), thirdBit));
  second = i16x8.add(second, pairProducts(splat2(ze), splat2(zo), quants, lowBytes));
  quants = v128.or(v128.and(i16x8.shr_u(b, 6), lowTwo), v128.and(i16x8.shr_u(c, 5), thirdBit));
  second = i16x8.add(second, pairProducts(splat3(ze), splat3(zo), quants, lowBytes));
  v128.store(out, second);
  return i32x4.add(i32x4.dot_i16x8_s(first, firstScales), i32x4.dot_i16x8_s(second, secondScales));
}

/**
 * y[t, r] = Σ over blocks of 256 columns, in order: d · d_x · Σ_s sc_s · Σ (q_w − 4) · q_x, s over 16
 * sub-blocks of 16 columns.
 *
 * w: [paddedRows/8, columns/256] blocks of 912 bytes: 8 pairs of sub-blocks of 48 B of rows 0–3 and 48 B of
 * rows 4–7 (see `threeBitRows`) | int8 sc [16 sub-blocks][8 rows] at 768 | 8 scales d at 896.
 * x: the stream of `quantizeQ8K`, [count, columns/256] × 352 B. y, order of work and the stores inside the
 * loop: as in `matmulQ4_0`. The integer sum of a block is exact and below 2^23, so its conversion to f32 is
 * too; f32 rounds once in d · d_x, once in the product and once in the sum.
 */
export function matmulQ3_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 912;
  const lowTwo = v128.load(LOW_TWO);
  const thirdBit = v128.load(THIRD_BIT);
  const lowThree = v128.load(LOW_THREE);
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
        if (block >= fetched) fetched = fetchStrip(block, 912);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let scale = block + 768;
        let offsets = stream + 288;
        const streamEnd = stream + 256;
        do {
          const xe = evenBytes(v128.load(stream));
          const xo = oddBytes(v128.load(stream));
          const ze = evenBytes(v128.load(stream, 16));
          const zo = oddBytes(v128.load(stream, 16));
          const first = i16x8.shr_s(v128.load32_splat(offsets), 3);
          const second = i16x8.shr_s(v128.load32_splat(offsets, 4), 3);
          const firstScales = v128.load8x8_s(scale);
          const secondScales = v128.load8x8_s(scale, 8);
          sumLow = i32x4.add(sumLow, threeBitRows(
            block, first, second, xe, xo, ze, zo,
            twiceLow(firstScales), twiceLow(secondScales), out, lowTwo, thirdBit, lowThree, lowBytes,
          ));
          sumHigh = i32x4.add(sumHigh, threeBitRows(
            block + 48, first, second, xe, xo, ze, zo,
            twiceHigh(firstScales), twiceHigh(secondScales), out + 16, lowTwo, thirdBit, lowThree, lowBytes,
          ));
          block += 96;
          stream += 32;
          scale += 16;
          offsets += 8;
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
