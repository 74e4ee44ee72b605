import { HALF_BITS, HIGH_BYTES, IQ4_LEVELS, NIBBLES, ONES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { lookup, multiplyAdd, splat0, splat1, splat2, splat3, weightScales } from './simd';

/**
 * The two parts in which `levelDots` takes 16 int8 activations. Levels are signed, which the second operand of
 * the relaxed dot product must not be: so they take over the signs of the activations, and the parts are the
 * magnitudes and the signs (−1 or 0). The baseline build takes even and odd columns as i16.
 */
@inline
export function firstPart(x: v128): v128 {
  return RELAXED ? i8x16.abs(x) : i16x8.shr_s(i16x8.shl(x, 8), 8);
}
@inline
export function secondPart(x: v128): v128 {
  return RELAXED ? i8x16.lt_s(x, i8x16.splat(0)) : i16x8.shr_s(x, 8);
}

/** Address of the mask that `levelRows` wants. */
@inline
export function levelMask(): usize {
  return RELAXED ? ONES : HIGH_BYTES;
}

/** 4 rows × 4 columns, one index a byte; 256 times that in the baseline build, as in `matmulQ8_0`. */
@inline
function levelDots(indices: v128, first: v128, second: v128, levels: v128, mask: v128): v128 {
  const q = lookup(levels, indices);
  if (RELAXED) {
    // Within ±127, so that two products stay within 2·127·127 < 2^15; more of them need i32.
    const signed = i8x16.sub(v128.xor(q, second), second);
    return i32x4.dot_i16x8_s(v128.relaxed_dot<i16>(signed, first), mask);
  }
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.shl(q, 8), first),
    i32x4.dot_i16x8_s(v128.and(q, mask), second),
  );
}

/**
 * Σ level · q_x of 4 rows × 32 columns, indices in 64 bytes of nibbles at q as in `matmulQ4_0`. xf, xs:
 * columns 0–15 by `firstPart` and `secondPart`; zf, zs: columns 16–31. Leaves a sum in 16 bytes at `out`, see
 * `nibbleRows`.
 * @param mask the vector at `levelMask`
 */
@inline
export function levelRows(
  q: usize, xf: v128, xs: v128, zf: v128, zs: v128, out: usize, levels: v128, nibbles: v128, mask: v128,
): v128 {
  let pair = v128.load(q);
  let sum = levelDots(v128.and(pair, nibbles), splat0(xf), splat0(xs), levels, mask);
  let indices = v128.and(i16x8.shr_u(pair, 4), nibbles);
  sum = i32x4.add(sum, levelDots(indices, splat0(zf), splat0(zs), levels, mask));
  pair = v128.load(q, 16);
  sum = i32x4.add(sum, levelDots(v128.and(pair, nibbles), splat1(xf), splat1(xs), levels, mask));
  indices = v128.and(i16x8.shr_u(pair, 4), nibbles);
  sum = i32x4.add(sum, levelDots(indices, splat1(zf), splat1(zs), levels, mask));
  v128.store(out, sum);
  pair = v128.load(q, 32);
  sum = i32x4.add(sum, levelDots(v128.and(pair, nibbles), splat2(xf), splat2(xs), levels, mask));
  indices = v128.and(i16x8.shr_u(pair, 4), nibbles);
  sum = i32x4.add(sum, levelDots(indices, splat2(zf), splat2(zs), levels, mask));
  pair = v128.load(q, 48);
  sum = i32x4.add(sum, levelDots(v128.and(pair, nibbles), splat3(xf), splat3(xs), levels, mask));
  indices = v128.and(i16x8.shr_u(pair, 4), nibbles);
  sum = i32x4.add(sum, levelDots(indices, splat3(zf), splat3(zs), levels, mask));
  v128.store(out, sum);
  return RELAXED ? sum : i32x4.shr_s(sum, 8);
}

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_w · d_x · Σ level(q_w) · q_x.
 *
 * w: blocks of 144 bytes as in `matmulQ4_0`, each nibble the index of a level. x, y, rounding, order of work
 * and the stores inside the loop: as there.
 */
export function matmulIQ4_NL(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 144;
  const levels = v128.load(IQ4_LEVELS);
  const nibbles = v128.load(NIBBLES);
  const mask = v128.load(levelMask());
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
        const xf = firstPart(v128.load(stream));
        const xs = secondPart(v128.load(stream));
        const zf = firstPart(v128.load(stream, 16));
        const zs = secondPart(v128.load(stream, 16));
        const a = levelRows(block, xf, xs, zf, zs, out, levels, nibbles, mask);
        const b = levelRows(block + 64, xf, xs, zf, zs, out + 16, levels, nibbles, mask);
        const xScale = v128.load(stream, 32);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(a), f32x4.mul(weightScales(block + 128, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(b), f32x4.mul(weightScales(block + 136, halfBits), xScale), high,
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
