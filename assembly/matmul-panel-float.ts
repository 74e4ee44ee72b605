import { HALF_BITS } from './constants';
import { fetchStrip } from './fetch';
import { BFloat16, HALF_FACTOR, PackedHalf, STRIP, weights } from './matmul-float';
import { multiplyAdd } from './simd';

/**
 * Panels for weights in floats: 4 tokens at a time meet a group of 8 rows, whose 8 sums stay in registers. The even
 * columns go first, then the odd ones: the two chains of additions of `matmulF32`, so a token has the bits that it has
 * alone. A group in 16 bits is decoded once for all tokens.
 */

/** The even columns of 8 rows times 4 tokens, or the odd ones, which are added to them. */
@inline
function everySecondColumn(
  w: usize, x: usize, xEnd: usize, tokenBytes: usize, out: usize, outBytes: usize, odd: bool,
): void {
  let low0 = f32x4.splat(0);
  let high0 = low0;
  let low1 = low0;
  let high1 = low0;
  let low2 = low0;
  let high2 = low0;
  let low3 = low0;
  let high3 = low0;
  for (; x < xEnd; x += 8) {
    const low = v128.load(w);
    const high = v128.load(w, 16);
    let value = v128.load32_splat(x);
    low0 = multiplyAdd(low, value, low0);
    high0 = multiplyAdd(high, value, high0);
    value = v128.load32_splat(x + tokenBytes);
    low1 = multiplyAdd(low, value, low1);
    high1 = multiplyAdd(high, value, high1);
    value = v128.load32_splat(x + 2 * tokenBytes);
    low2 = multiplyAdd(low, value, low2);
    high2 = multiplyAdd(high, value, high2);
    value = v128.load32_splat(x + 3 * tokenBytes);
    low3 = multiplyAdd(low, value, low3);
    high3 = multiplyAdd(high, value, high3);
    w += 64;
  }
  storeSums(out, low0, high0, odd);
  storeSums(out + outBytes, low1, high1, odd);
  storeSums(out + 2 * outBytes, low2, high2, odd);
  storeSums(out + 3 * outBytes, low3, high3, odd);
}

@inline
function storeSums(out: usize, low: v128, high: v128, odd: bool): void {
  v128.store(out, odd ? f32x4.add(v128.load(out), low) : low);
  v128.store(out, odd ? f32x4.add(v128.load(out, 16), high) : high, 16);
}

/** Fetches a group of 8 rows, and decodes it to f32 at `out` if it is in 16 bits. */
@inline
function fetchGroup<T>(w: usize, out: usize, end: usize): void {
  const halfBits = v128.load(HALF_BITS);
  const factor = f32x4.splat(HALF_FACTOR);
  while (w < end) {
    const stripEnd = min(fetchStrip(w, STRIP), end);
    if (sizeof<T>() == 4) {
      w = stripEnd;
      continue;
    }
    for (; w < stripEnd; w += 16) {
      v128.store(out, weights<T>(w, halfBits, factor));
      v128.store(out, weights<T>(w + 8, halfBits, factor), 16);
      out += 32;
    }
  }
}

@inline
function multiplyPanel<T>(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  const groupBytes = <usize>columns * 8 * sizeof<T>();
  const tokenBytes = <usize>columns << 2;
  const outBytes = <usize>yStride << 2;
  const rowEnd = y + (<usize>paddedRows << 2);
  const xEnd = x + <usize>count * tokenBytes;
  for (; y < rowEnd; y += 32) {
    fetchGroup<T>(w, scratch, w + groupBytes);
    const group = sizeof<T>() == 4 ? w : scratch;
    let out = y;
    for (let token = x; token < xEnd; token += 4 * tokenBytes) {
      everySecondColumn(group, token, token + tokenBytes, tokenBytes, out, outBytes, false);
      everySecondColumn(group + 32, token + 4, token + tokenBytes, tokenBytes, out, outBytes, true);
      out += 4 * outBytes;
    }
    w += groupBytes;
  }
}

/** As `matmulF32`, the same bits, for a panel of tokens: count is a multiple of 4, at most 32. */
export function matmulPanelF32(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel<f32>(w, x, y, paddedRows, columns, count, yStride, scratch);
}

/** As `matmulF16`, likewise; scratch: 32 B for each column. */
export function matmulPanelF16(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel<PackedHalf>(w, x, y, paddedRows, columns, count, yStride, scratch);
}

/** As `matmulBF16`, likewise. */
export function matmulPanelBF16(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel<BFloat16>(w, x, y, paddedRows, columns, count, yStride, scratch);
}
