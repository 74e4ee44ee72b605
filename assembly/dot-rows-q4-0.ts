import { HALF_BITS, LOW_NIBBLES, NIBBLES, ONES, STREAM_SCALE } from './constants';
import { fetchRow, highHalves, highWords, listed, lowHalves, lowWords, rowScales, scaleBytes } from './rows';
import { evenBytes, multiplyAdd, oddBytes } from './simd';

/**
 * One block of a row, 16 bytes of nibbles: i16 lane i has the products of columns 2i, 2i + 1, 16 + 2i and 17 + 2i, at
 * most 4·15·127. x, z: columns 0–15 and 16–31 of the activations; xe … zo: their even and odd bytes.
 */
@inline
function blockPairs(q: v128, x: v128, z: v128, xe: v128, xo: v128, ze: v128, zo: v128, mask: v128): v128 {
  if (RELAXED) {
    return i16x8.add(
      v128.relaxed_dot<i16>(x, v128.and(q, mask)),
      v128.relaxed_dot<i16>(z, v128.and(i16x8.shr_u(q, 4), mask)),
    );
  }
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

/**
 * y[i] = row list[i] · x for i < length, with the bits of `matmulQ4_0`: the same integers, and blocks in order.
 * w: rows of `rows.ts`, `stride` bytes apart, 16 bytes of nibbles a block; x: one token's stream of `quantizeQ8`; y: f32, written up to a
 * multiple of four. Inside a row y holds integers: barriers for V8's scheduler, see `nibbleRows`.
 */
export function dotRowsQ4_0(
  w: usize, list: usize, length: i32, x: usize, y: usize, columns: i32, stride: usize,
): void {
  const quantBytes = <usize>columns >> 1;
  const rowBytes = quantBytes + scaleBytes(columns);
  const mask = v128.load(RELAXED ? NIBBLES : LOW_NIBBLES);
  const ones = v128.load(ONES);
  const halfBits = v128.load(HALF_BITS);
  for (let i = 0; i < length; i += 4) {
    let a = w + listed(list, length, i) * stride;
    let b = w + listed(list, length, i + 1) * stride;
    let c = w + listed(list, length, i + 2) * stride;
    let d = w + listed(list, length, i + 3) * stride;
    fetchRow(a, rowBytes);
    fetchRow(b, rowBytes);
    fetchRow(c, rowBytes);
    fetchRow(d, rowBytes);
    const end = a + quantBytes;
    let scale = quantBytes;
    let stream = x;
    let sum = f32x4.splat(0);
    while (a < end) {
      const low = v128.load(stream);
      const high = v128.load(stream, 16);
      const xe = evenBytes(stream);
      const xo = oddBytes(stream);
      const ze = evenBytes(stream + 16);
      const zo = oddBytes(stream + 16);
      const p = blockPairs(v128.load(a), low, high, xe, xo, ze, zo, mask);
      const q = blockPairs(v128.load(b), low, high, xe, xo, ze, zo, mask);
      const first = i16x8.add(lowWords(p, q), highWords(p, q));
      v128.store(y, first);
      const r = blockPairs(v128.load(c), low, high, xe, xo, ze, zo, mask);
      const s = blockPairs(v128.load(d), low, high, xe, xo, ze, zo, mask);
      const second = i16x8.add(lowWords(r, s), highWords(r, s));
      v128.store(y, second);
      const rows = i16x8.add(lowHalves(first, second), highHalves(first, second));
      const whole = i32x4.sub(i32x4.dot_i16x8_s(rows, ones), v128.load(stream, 48));
      const scales = rowScales(a + scale, b + scale, c + scale, d + scale, halfBits);
      sum = multiplyAdd(f32x4.convert_i32x4_s(whole), f32x4.mul(scales, v128.load(stream, 32)), sum);
      a += 16;
      b += 16;
      c += 16;
      d += 16;
      // Quants are 16 bytes a block, scales 2.
      scale -= 14;
      stream += 64;
    }
    v128.store(y, f32x4.mul(sum, f32x4.splat(STREAM_SCALE)));
    y += 16;
  }
}
