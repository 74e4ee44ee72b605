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
 *   q8:  per block [tokens] × 40 B: int8 q[32] | f32 scale | i32 8 · Σq
 *   q8k: per block 8 × [tokens] × 40 B: int8 q[32] | the offsets of both 16 columns; then tails
 * Panels of *words*, for i16 weights in either build: 16 i16 columns of a token in 32 B
 *   q8:  per block 2 × [tokens] × 32 B | [tokens] × f32 scale
 *   q8k: per block 16 × [tokens] × 32 B; then tails
 * A tail, [tokens] × 20 B: i16 Σq of each 32 columns [8] | f32 scale.
 * Scales, sums and offsets are those of `quantizeQ8` and `quantizeQ8K`.
 */
export const PANEL_TOKENS: usize = 32;
export const BLOCK_SUMS: usize = 16 * PANEL_TOKENS;
export const PANEL: usize = 32 * PANEL_TOKENS;
export const BYTES_RECORD: usize = 40;
export const WORDS_RECORD: usize = 32;
export const TAIL: usize = 20;

/** Pairs of neighbouring columns: (0, 1), (2, 3), ... */
export const NEIGHBOURS: i32 = 0;
/** Pairs as even and odd bytes come: (0, 2), (4, 6), (8, 10), (12, 14), then (1, 3), ... */
export const EVEN_ODD: i32 = 1;

/** 16 int8 as 16 i16. */
@inline
function storeWords(out: usize, q: v128, order: i32): void {
  if (order == NEIGHBOURS) {
    v128.store(out, i16x8.extend_low_i8x16_s(q));
    v128.store(out, i16x8.extend_high_i8x16_s(q), 16);
  } else {
    v128.store(out, i16x8.shr_s(i16x8.shl(q, 8), 8));
    v128.store(out, i16x8.shr_s(q, 8), 16);
  }
}

/** x: the stream of `quantizeQ8`. */
@inline
export function gatherBytesQ8(x: usize, panel: usize, columns: i32, tokens: i32): void {
  const tokenBytes = <usize>columns << 1;
  const end = x + tokenBytes;
  for (; x < end; x += 64) {
    let source = x;
    for (let t = 0; t < tokens; t++) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
      store<u32>(panel, load<u32>(source, 32), 32);
      store<u32>(panel, load<u32>(source, 48), 36);
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
    let scale = panel + 2 * unitBytes;
    for (let t = 0; t < tokens; t++) {
      storeWords(panel, v128.load(source), order);
      storeWords(panel + unitBytes, v128.load(source, 16), order);
      store<u32>(scale, load<u32>(source, 32));
      source += tokenBytes;
      panel += WORDS_RECORD;
      scale += 4;
    }
    panel = scale;
  }
}

/** 32 columns of each token; x: where they stand in the first one's block. */
@inline
function gatherSubBlock(x: usize, offsets: usize, panel: usize, tokenBytes: usize, tokens: i32): void {
  for (let t = 0; t < tokens; t++) {
    if (RELAXED) {
      v128.store(panel, v128.load(x));
      v128.store(panel, v128.load(x, 16), 16);
      store<u64>(panel, load<u64>(offsets), 32);
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

/** x: the stream of `quantizeQ8K`. Bytes in the relaxed build, words in the baseline build. */
export function gatherQ8K(x: usize, panel: usize, columns: i32, tokens: i32): void {
  const tokenBytes = <usize>(columns >> 8) * 352;
  const subBlockBytes = <usize>tokens * (RELAXED ? BYTES_RECORD : 2 * WORDS_RECORD);
  const end = x + tokenBytes;
  for (; x < end; x += 352) {
    for (let s: usize = 0; s < 8; s++) {
      gatherSubBlock(x + 32 * s, x + 288 + 8 * s, panel, tokenBytes, tokens);
      panel += subBlockBytes;
    }
    let source = x + 256;
    for (let t = 0; t < tokens; t++) {
      v128.store(panel, v128.load(source));
      store<u32>(panel, load<u32>(source, 16), 16);
      source += tokenBytes;
      panel += TAIL;
    }
  }
}

/** Sums start at zero; kernels leave them so. */
@inline
export function clearSums(scratch: usize): void {
  for (let i: usize = 0; i < PANEL; i += 16) v128.store(scratch + i, i32x4.splat(0));
}

/** Moves the sums of 4 rows to y, undoing the scale of streams and a factor of the weights. */
@inline
export function moveSums(sums: usize, y: usize, tokens: i32, yStride: i32, factor: f32): void {
  const end = sums + (<usize>tokens << 4);
  for (; sums < end; sums += 16) {
    v128.store(y, f32x4.mul(v128.load(sums), f32x4.splat(STREAM_SCALE * factor)));
    v128.store(sums, f32x4.splat(0));
    y += <usize>yStride << 2;
  }
}
