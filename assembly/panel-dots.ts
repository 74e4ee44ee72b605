import { BLOCK_SUMS, BYTES_RECORD, WORDS_RECORD } from './panel';
import { multiplyAdd } from './simd';

/**
 * What the panel kernels of several formats share: 8 vectors of unpacked weights stay in registers and meet one token
 * after the other. A token's stores keep V8 from mixing its loads with the next one's; with an accumulator, a constant
 * and two temporaries 12 vectors are live.
 */

/** i16 lanes 2·row, 2·row + 1: halves of 4 rows × 32 columns, int8 at x, weights in bytes 0..127. */
@inline
export function byteDots(
  x: usize, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): v128 {
  let sum = v128.relaxed_dot<i16>(v128.load32_splat(x), w0);
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 4), w1));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 8), w2));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 12), w3));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 16), w4));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 20), w5));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 24), w6));
  return i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 28), w7));
}

/** sum + 4 rows × 16 columns: pairs of i16 at x, weights in i16 pairs. */
@inline
function wordDots(
  x: usize, sum: v128, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): v128 {
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x), w0));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 4), w1));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 8), w2));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 12), w3));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 16), w4));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 20), w5));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 24), w6));
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 28), w7));
}

/** Adds 4 rows × 16 columns to the block sums of each token; x: [tokens] records of words. */
@inline
export function addWords(
  x: usize, scratch: usize, tokens: i32,
  w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): void {
  let sums = scratch + BLOCK_SUMS;
  const end = sums + (<usize>tokens << 4);
  do {
    v128.store(sums, wordDots(x, v128.load(sums), w0, w1, w2, w3, w4, w5, w6, w7));
    v128.store(sums, wordDots(x + 32, v128.load(sums, 16), w0, w1, w2, w3, w4, w5, w6, w7), 16);
    v128.store(sums, wordDots(x + 64, v128.load(sums, 32), w0, w1, w2, w3, w4, w5, w6, w7), 32);
    v128.store(sums, wordDots(x + 96, v128.load(sums, 48), w0, w1, w2, w3, w4, w5, w6, w7), 48);
    x += 4 * WORDS_RECORD;
    sums += 64;
  } while (sums < end);
}

/** Takes each token's block sum, leaves zero, and adds sum · (wScale · xScale) to its f32 sum. */
@inline
export function addBlocks(xScale: usize, xScaleStride: usize, wScale: v128, scratch: usize, tokens: i32): void {
  const end = scratch + (<usize>tokens << 4);
  do {
    const sum = f32x4.convert_i32x4_s(v128.load(scratch, BLOCK_SUMS));
    v128.store(scratch, i32x4.splat(0), BLOCK_SUMS);
    const scale = f32x4.mul(wScale, v128.load32_splat(xScale));
    v128.store(scratch, multiplyAdd(sum, scale, v128.load(scratch)));
    xScale += xScaleStride;
    scratch += 16;
  } while (scratch < end);
}
