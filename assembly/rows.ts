/**
 * A matrix row by row: what a neuron has in it stands in one piece, so that a neuron that does not fire is not read. A
 * row is the quants of its blocks of 32 columns, one block after the other and each as in GGUF; then a scale of two
 * bytes for each (see `weightScales`), and zeros up to a multiple of four scales. `list` names rows, see
 * `neuron-lists.ts`; they are taken four at a time, and the last one again where there are fewer.
 */

/** Bytes of a row's scales. */
@inline
export function scaleBytes(columns: i32): usize {
  return <usize>((columns + 127) >> 7) << 3;
}

/** Number `at` of a list, or its last. */
@inline
export function listed(list: usize, length: i32, at: i32): usize {
  return <usize>load<i32>(list + (<usize>min(at, length - 1) << 2));
}

/** Asks for a row's cache lines, see `fetch.ts`: a row is too short for the processor to see where it leads. */
@inline
export function fetchRow(row: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 256) {
    load<u8>(row + at);
    load<u8>(row + at, 64);
    load<u8>(row + at, 128);
    load<u8>(row + at, 192);
  }
}

/** Scales of one block of four rows, as `weightScales` has them. */
@inline
export function rowScales(a: usize, b: usize, c: usize, d: usize, bits: v128): v128 {
  let halves = i32x4.splat(0);
  halves = v128.load16_lane(a, halves, 0);
  halves = v128.load16_lane(b, halves, 1);
  halves = v128.load16_lane(c, halves, 2);
  halves = v128.load16_lane(d, halves, 3);
  return v128.and(i32x4.shl(i32x4.extend_low_i16x8_s(halves), 13), bits);
}

/** 32-bit lanes a0 b0 a1 b1, and a2 b2 a3 b3: two of four rows on the way to a lane each. */
@inline
export function lowWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}
@inline
export function highWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
}
/** The lower halves of both, and the upper ones. */
@inline
export function lowHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}
@inline
export function highHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}
