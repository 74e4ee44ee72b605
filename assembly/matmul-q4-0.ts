import { HALF_BITS, LOW_NIBBLES, NIBBLES, ONES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
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
 * Dot products of 4 rows with 4 columns in the low nibbles of q (xe, xo: even and odd bytes of the
 * activations) and 4 in the high ones (ze, zo).
 * @param mask the vector at NIBBLES in the relaxed build, at LOW_NIBBLES in the baseline build
 */
@inline
function nibbleDots(q: v128, xe: v128, xo: v128, ze: v128, zo: v128, mask: v128): v128 {
  if (RELAXED) {
    return i16x8.add(
      pairProducts(xe, xo, v128.and(q, mask), mask),
      pairProducts(ze, zo, v128.and(i16x8.shr_u(q, 4), mask), mask),
    );
  }
  // The same integers: nibbles go straight to i16, which saves half of the masks.
  const low = i16x8.add(
    i16x8.mul(xe, v128.and(q, mask)),
    i16x8.mul(xo, v128.and(i16x8.shr_u(q, 8), mask)),
  );
  const high = i16x8.add(
    i16x8.mul(ze, v128.and(i16x8.shr_u(q, 4), mask)),
    i16x8.mul(zo, i16x8.shr_u(q, 12)),
  );
  return i16x8.add(low, high);
}

/** Address of the mask that `nibbleRows` wants. */
@inline
export function nibbleMask(): usize {
  return RELAXED ? NIBBLES : LOW_NIBBLES;
}

/**
 * 4 rows × 32 columns, nibbles in 64 bytes at q: i16 lanes 2·row, 2·row + 1 each with half of the row's sum.
 * A lane stays within 16·15·127 = 30480. xe, xo: columns 0–15 as even and odd bytes; ze, zo: columns 16–31.
 * Leaves the result in 16 bytes at `out` too: a barrier for V8's scheduler, which else hoists all loads of a
 * block, runs out of registers and spills. The baseline build needs one more in the middle.
 */
@inline
export function nibbleRows(q: usize, xe: v128, xo: v128, ze: v128, zo: v128, mask: v128, out: usize): v128 {
  let sum = nibbleDots(v128.load(q), splat0(xe), splat0(xo), splat0(ze), splat0(zo), mask);
  if (!RELAXED) v128.store(out, sum);
  sum = i16x8.add(sum, nibbleDots(v128.load(q, 16), splat1(xe), splat1(xo), splat1(ze), splat1(zo), mask));
  if (!RELAXED) v128.store(out, sum);
  sum = i16x8.add(sum, nibbleDots(v128.load(q, 32), splat2(xe), splat2(xo), splat2(ze), splat2(zo), mask));
  if (!RELAXED) v128.store(out, sum);
  sum = i16x8.add(sum, nibbleDots(v128.load(q, 48), splat3(xe), splat3(xo), splat3(ze), splat3(zo), mask));
  v128.store(out, sum);
  return sum;
}

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_w · d_x · Σ (q_w − 8) · q_x.
 *
 * w: [paddedRows/8, columns/32] blocks of 144 bytes: 64 B nibbles of rows 0–3, 64 B of rows 4–7, 8 scales
 * (see `weightScales`). Byte 16v + 4·row + j has column 4v + j in its low nibble and 16 + 4v + j in its high
 * one. x: the stream of `quantizeQ8`, [count, columns/32] × 64 B. y: f32, token t at y + 4·t·yStride,
 * paddedRows of them written. The sum in a block is exact; f32 rounds once in d_w · d_x, once in the product
 * and once in the sum.
 *
 * A group of 8 rows meets all tokens before the next: it comes from memory once, and a token's row is
 * computed the same way whatever the other tokens. Inside a block y holds integers, see `nibbleRows`.
 */
export function matmulQ4_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 144;
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
        if (block >= fetched) fetched = fetchStrip(block, 8 * 144);
        const xe = evenBytes(v128.load(stream));
        const xo = oddBytes(v128.load(stream));
        const ze = evenBytes(v128.load(stream, 16));
        const zo = oddBytes(v128.load(stream, 16));
        const a = nibbleRows(block, xe, xo, ze, zo, mask, out);
        const b = nibbleRows(block + 64, xe, xo, ze, zo, mask, out + 16);
        const xScale = v128.load(stream, 32);
        const offset = v128.load(stream, 48);
        const intLow = i32x4.sub(i32x4.dot_i16x8_s(a, ones), offset);
        const intHigh = i32x4.sub(i32x4.dot_i16x8_s(b, ones), offset);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(intLow), f32x4.mul(weightScales(block + 128, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(intHigh), f32x4.mul(weightScales(block + 136, halfBits), xScale), high,
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
