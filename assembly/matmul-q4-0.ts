import { HALF_BITS, LOW_BYTES, NIBBLES, ONES, STREAM_SCALE } from './constants';
import {
  evenBytes,
  multiplyAdd,
  oddBytes,
  pairProducts,
  splat0,
  splat1,
  splat2,
  splat3,
  weightScalesHigh,
  weightScalesLow,
} from './simd';

/** Dot products of 4 rows with 8 columns 4v…, 16 + 4v…: low and high nibbles of one vector. */
@inline
function nibbleDots(
  q: v128, lowEven: v128, lowOdd: v128, highEven: v128, highOdd: v128, nibbles: v128, lowBytes: v128,
): v128 {
  return i16x8.add(
    pairProducts(lowEven, lowOdd, v128.and(q, nibbles), lowBytes),
    pairProducts(highEven, highOdd, v128.and(i16x8.shr_u(q, 4), nibbles), lowBytes),
  );
}

/**
 * 4 rows × 32 columns, nibbles in 64 bytes at q: i16 lanes 2·row, 2·row + 1 each with half of the row's sum.
 * A lane stays within 16·15·127 = 30480. xe, xo: columns 0–15 as even and odd bytes; ze, zo: columns 16–31.
 */
@inline
export function nibbleRows(q: usize, xe: v128, xo: v128, ze: v128, zo: v128, nibbles: v128, lowBytes: v128): v128 {
  let sum = nibbleDots(v128.load(q), splat0(xe), splat0(xo), splat0(ze), splat0(zo), nibbles, lowBytes);
  sum = i16x8.add(
    sum,
    nibbleDots(v128.load(q, 16), splat1(xe), splat1(xo), splat1(ze), splat1(zo), nibbles, lowBytes),
  );
  sum = i16x8.add(
    sum,
    nibbleDots(v128.load(q, 32), splat2(xe), splat2(xo), splat2(ze), splat2(zo), nibbles, lowBytes),
  );
  return i16x8.add(
    sum,
    nibbleDots(v128.load(q, 48), splat3(xe), splat3(xo), splat3(ze), splat3(zo), nibbles, lowBytes),
  );
}

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_w · d_x · Σ (q_w − 8) · q_x.
 *
 * w: [paddedRows/8, columns/32] blocks of 144 bytes: 64 B nibbles of rows 0–3, 64 B of rows 4–7, 8 scales (see
 * `weightScalesLow`). Byte 16v + 4·row + j has column 4v + j in its low nibble and 16 + 4v + j in its high one.
 * x: the stream of `quantizeQ8`, [count, columns/32] × 64 B. y: f32, token t at y + 4·t·yStride, paddedRows of them
 * written. The sum in a block is exact; f32 rounds once in d_w · d_x, once in the product and once in the sum.
 *
 * A group of 8 rows meets all tokens before the next: it comes from memory once, and a token's row is computed
 * the same way whatever the other tokens. The two stores of integers into y are barriers for V8's scheduler,
 * which else hoists all loads of a block, runs out of registers and spills.
 */
export function matmulQ4_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 144;
  const nibbles = v128.load(NIBBLES);
  const lowBytes = v128.load(LOW_BYTES);
  const ones = v128.load(ONES);
  const halfBits = v128.load(HALF_BITS);
  const rowEnd = y + (<usize>paddedRows << 2);
  while (y < rowEnd) {
    const groupEnd = w + groupBytes;
    let stream = x;
    let out = y;
    for (let t = 0; t < count; t++) {
      let block = w;
      let low = f32x4.splat(0);
      let high = low;
      while (block < groupEnd) {
        const xe = evenBytes(v128.load(stream));
        const xo = oddBytes(v128.load(stream));
        const ze = evenBytes(v128.load(stream, 16));
        const zo = oddBytes(v128.load(stream, 16));
        const a = nibbleRows(block, xe, xo, ze, zo, nibbles, lowBytes);
        v128.store(out, a);
        const b = nibbleRows(block + 64, xe, xo, ze, zo, nibbles, lowBytes);
        v128.store(out, b, 16);
        const scales = v128.load(block, 128);
        const xScale = v128.load(stream, 32);
        const offset = v128.load(stream, 48);
        const intLow = i32x4.sub(i32x4.dot_i16x8_s(a, ones), offset);
        const intHigh = i32x4.sub(i32x4.dot_i16x8_s(b, ones), offset);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(intLow), f32x4.mul(weightScalesLow(scales, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(intHigh), f32x4.mul(weightScalesHigh(scales, halfBits), xScale), high,
        );
        block += 144;
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
