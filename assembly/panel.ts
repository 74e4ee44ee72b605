import { STREAM_SCALE } from './constants';

/**
 * A panel: the activations of 4 to 32 tokens, a multiple of 4, gathered block by block, so that a group's block is
 * unpacked once and meets all of them before the next. What several tokens share is integers alone: each row of each
 * token sees the same float operations in the same order as in the kernels for single tokens.
 *
 * A kernel's scratch, for `tokens` tokens:
 *   f32 sums [32][4 rows] | i32 sums of the block at hand [32][4 rows] | the panel at PANEL.
 *
 * Panels of *bytes*, for the relaxed build's dot product with unsigned weights:
 *   q8:  per block [tokens] × 40 B: int8 q[32] | f32 scale | f32 `times` · Σq
 *   q8k: per block 8 × [tokens] × 40 B: int8 q[32] | the offsets of both 16 columns; then tails
 * Panels of *words*, for i16 weights in either build: 16 i16 columns of a token in 32 B
 *   q8:  per block 2 × [tokens] × 32 B | [tokens] × 8 B: f32 scale | f32 Σq
 *   q8k: per block 16 × [tokens] × 32 B; then tails
 * Tails: [tokens] × f32 scale | i16 Σq of each 32 columns [8], or of each 16 columns [16].
 * Scales, sums and offsets are those of `quantizeQ8` and `quantizeQ8K`.
 */
export const PANEL_TOKENS: usize = 32;
export const BLOCK_SUMS: usize = 16 * PANEL_TOKENS;
export const PANEL: usize = 32 * PANEL_TOKENS;
export const BYTES_RECORD: usize = 40;
export const WORDS_RECORD: usize = 32;

/** Order of columns in words: even and odd bytes, (0, 2), (4, 6), (8, 10), (12, 14), then (1, 3), ... */
export const EVEN_ODD: i32 = 0;
/** Pairs of neighbours: (0, 1), (4, 5), (8, 9), (12, 13), then (2, 3), ... */
export const NEIGHBOURS: i32 = 1;

/** Bytes of a tail with a sum for each `columns` columns. */
@inline
export function tailBytes(columns: i32): usize {
  return 4 + 512 / columns;
}

/** 16 int8 as 16 i16. */
@inline
function storeWords(out: usize, q: v128, order: i32): void {
  if (order == EVEN_ODD) {
    v128.store(out, i16x8.shr_s(i16x8.shl(q, 8), 8));
    v128.store(out, i16x8.shr_s(q, 8), 16);
  } else {
    const low = i16x8.extend_low_i8x16_s(q);
    const high = i16x8.extend_high_i8x16_s(q);
    v128.store(out, i8x16.shuffle(low, high, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27));
    v128.store(out, i8x16.shuffle(low, high, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31), 16);
  }
}

/** `times` · Σq of a block in the stream of `quantizeQ8`: exact. */
@inline
function columnSum(block: usize, times: i32): f32 {
  return <f32>((load<i32>(block, 48) >> 3) * times);
}

/** x: the stream of `quantizeQ8`. */
@inline
export function gatherBytesQ8(x: usize, panel: usize, columns: i32, tokens: i32, times: i32): void {
  const tokenBytes = <usize>columns << 1;
  const end = x + tokenBytes;
  for (; x < end; x += 64) {
    let source = x;
    for (let t = 0; t < tokens; t++) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
      store<u32>(panel, load<u32>(source, 32), 32);
      store<f32>(panel, columnSum(source, times), 36);
      source += tokenBytes;
      panel += BYTES_RECORD;
    }
  }
}

@inline
export function gatherWordsQ8(x: usize, panel: usize, columns: i32, tokens: i32, order: i32): void {
  const tokenBytes = <usize>columns << 1;
  const unitBytes = <usize>tokens * WORDS_RECORD;
  const end = x + tokenBytes;
  for (; x < end; x += 64) {
    let source = x;
    let tail = panel + 2 * unitBytes;
    for (let t = 0; t < tokens; t++) {
      storeWords(panel, v128.load(source), order);
      storeWords(panel + unitBytes, v128.load(source, 16), order);
      store<u32>(tail, load<u32>(source, 32));
      store<f32>(tail, columnSum(source, 1), 4);
      source += tokenBytes;
      panel += WORDS_RECORD;
      tail += 8;
    }
    panel = tail;
  }
}

/** 32 columns of each token; x: where they stand in the first one's block. */
@inline
function gatherSubBlock(
  x: usize, offsets: usize, panel: usize, tokenBytes: usize, tokens: i32, bytes: bool, shift: i32,
): void {
  for (let t = 0; t < tokens; t++) {
    if (bytes) {
      v128.store(panel, v128.load(x));
      v128.store(panel, v128.load(x, 16), 16);
      v128.store64_lane(panel, i16x8.shr_s(v128.load64_zero(offsets), shift), 0, 32);
      panel += BYTES_RECORD;
    } else {
      storeWords(panel, v128.load(x), EVEN_ODD);
      storeWords(panel + <usize>tokens * WORDS_RECORD, v128.load(x, 16), EVEN_ODD);
      panel += WORDS_RECORD;
    }
    x += tokenBytes;
    offsets += tokenBytes;
  }
}

/** i16 Σq of 8 units of 16 columns from the offsets of their halves, −32 · Σq. */
@inline
function unitSums(offsets: usize): v128 {
  const factors = i16x8.splat(-1);
  const low = i32x4.dot_i16x8_s(v128.load(offsets), factors);
  const high = i32x4.dot_i16x8_s(v128.load(offsets, 16), factors);
  return i16x8.narrow_i32x4_s(i32x4.shr_s(low, 5), i32x4.shr_s(high, 5));
}

/**
 * x: the stream of `quantizeQ8K`. A panel of bytes or of words, offsets divided by 2^shift, tails with a sum for each
 * `sumColumns` columns.
 */
@inline
export function gatherQ8K(
  x: usize, panel: usize, columns: i32, tokens: i32, bytes: bool, shift: i32, sumColumns: i32,
): void {
  const tokenBytes = <usize>(columns >> 8) * 352;
  const subBlockBytes = <usize>tokens * (bytes ? BYTES_RECORD : 2 * WORDS_RECORD);
  const end = x + tokenBytes;
  for (; x < end; x += 352) {
    for (let s: usize = 0; s < 8; s++) {
      gatherSubBlock(x + 32 * s, x + 288 + 8 * s, panel, tokenBytes, tokens, bytes, shift);
      panel += subBlockBytes;
    }
    let source = x + 256;
    for (let t = 0; t < tokens; t++) {
      store<u32>(panel, load<u32>(source, 16));
      if (sumColumns == 16) {
        v128.store(panel, unitSums(source + 32), 4);
        v128.store(panel, unitSums(source + 64), 20);
      } else {
        v128.store(panel, v128.load(source), 4);
      }
      source += tokenBytes;
      panel += tailBytes(sumColumns);
    }
  }
}

/** Sums start at zero; kernels leave them so. */
@inline
export function clearSums(scratch: usize): void {
  for (let i: usize = 0; i < PANEL; i += 16) v128.store(scratch + i, i32x4.splat(0));
}

/** Moves the sums of 4 rows to y, undoing the scale of streams. */
@inline
export function moveSums(sums: usize, y: usize, tokens: i32, yStride: i32): void {
  const end = sums + (<usize>tokens << 4);
  for (; sums < end; sums += 16) {
    v128.store(y, f32x4.mul(v128.load(sums), f32x4.splat(STREAM_SCALE)));
    v128.store(sums, f32x4.splat(0));
    y += <usize>yStride << 2;
  }
}
