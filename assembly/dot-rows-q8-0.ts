import { HALF_BITS, STREAM_SCALE } from './constants';
import { fetchRow, highHalves, highWords, listed, lowHalves, lowWords, rowScales, scaleBytes } from './rows';
import { multiplyAdd } from './simd';

/** 16 columns: i32 lanes with four products each, at most 4·128·127. */
@inline
function byteProducts(q: v128, low: v128, high: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(q), low),
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(q), high),
  );
}

@inline
function blockProducts(row: usize, x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  return i32x4.add(byteProducts(v128.load(row), x0, x1), byteProducts(v128.load(row, 16), x2, x3));
}

/** As `dotRowsQ4_0`, with the bits of `matmulQ8_0` and 32 bytes a block. */
export function dotRowsQ8_0(
  w: usize, list: usize, length: i32, x: usize, y: usize, columns: i32, stride: usize,
): void {
  const quantBytes = <usize>columns;
  const rowBytes = quantBytes + scaleBytes(columns);
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
      const x0 = i16x8.extend_low_i8x16_s(v128.load(stream));
      const x1 = i16x8.extend_high_i8x16_s(v128.load(stream));
      const x2 = i16x8.extend_low_i8x16_s(v128.load(stream, 16));
      const x3 = i16x8.extend_high_i8x16_s(v128.load(stream, 16));
      const p = blockProducts(a, x0, x1, x2, x3);
      v128.store(y, p);
      const q = blockProducts(b, x0, x1, x2, x3);
      const first = i32x4.add(lowWords(p, q), highWords(p, q));
      v128.store(y, first);
      const r = blockProducts(c, x0, x1, x2, x3);
      v128.store(y, r);
      const s = blockProducts(d, x0, x1, x2, x3);
      const second = i32x4.add(lowWords(r, s), highWords(r, s));
      v128.store(y, second);
      const whole = i32x4.add(lowHalves(first, second), highHalves(first, second));
      const scales = rowScales(a + scale, b + scale, c + scale, d + scale, halfBits);
      sum = multiplyAdd(f32x4.convert_i32x4_s(whole), f32x4.mul(scales, v128.load(stream, 32)), sum);
      a += 32;
      b += 32;
      c += 32;
      d += 32;
      // Quants are 32 bytes a block, scales 2.
      scale -= 30;
      stream += 64;
    }
    v128.store(y, f32x4.mul(sum, f32x4.splat(STREAM_SCALE)));
    y += 16;
  }
}
