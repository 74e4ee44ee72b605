import { ROUNDING, ROUNDING_BITS } from './constants';
import { PAGE_POSITIONS } from './kv-page';
import { absoluteMax, blockScale, isUsable } from './quantize';

/**
 * A KV page in 8 bits: 64 positions of one KV head, headDim a multiple of 4.
 *
 * K: for each of the 16 fours of positions, block after block of 32 dimensions (the last one may be shorter):
 * int8 [dimensions/2][4 positions][2], then the block's f32 scales of the four positions. So a dot product of i16
 * lanes adds two dimensions of each of four positions.
 * V: int8 [32 pairs of positions][headDim][2], then f32 [64]: one scale a position.
 *
 * scale = absmax / 127, and the int8 are within ±127. A block that is not finite becomes zeros with a NaN for scale.
 */
export const KEY_BLOCK: i32 = 32;

/** Bytes of K of four positions. */
@inline
export function keyFourBytes(headDim: i32): usize {
  return <usize>(4 * headDim + 16 * ((headDim + KEY_BLOCK - 1) / KEY_BLOCK));
}

@inline
export function keyBytesQ8(headDim: i32): usize {
  return keyFourBytes(headDim) * (PAGE_POSITIONS / 4);
}

/** Bytes of V, scales included. */
@inline
export function valueBytesQ8(headDim: i32): usize {
  return <usize>(PAGE_POSITIONS * (headDim + 4));
}

@inline
function quant(x: f32, inverse: f32): i8 {
  return <i8>(reinterpret<i32>(x * inverse + ROUNDING) - ROUNDING_BITS);
}

/**
 * Pairs of floats become pairs of int8.
 * @param next bytes from the first to the second of a pair
 * @param stride bytes from pair to pair
 * @returns their scale
 */
@inline
function storePairs(x: usize, size: i32, out: usize, next: usize, stride: usize): f32 {
  const absmax = absoluteMax(x, <usize>size << 2);
  const usable = isUsable(absmax);
  const inverse: f32 = usable ? 127 / absmax : 0;
  for (let d = 0; d < size; d += 2) {
    store<i8>(out, usable ? quant(load<f32>(x), inverse) : 0);
    store<i8>(out + next, usable ? quant(load<f32>(x, 4), inverse) : 0);
    x += 8;
    out += stride;
  }
  return blockScale(absmax, 127);
}

/** Writes k and v, f32 [headDim], of one position (0..63) into its page. */
export function storeKvQ8(page: usize, k: usize, v: usize, positionInPage: i32, headDim: i32): void {
  const lane = <usize>(positionInPage & 3);
  let block = page + <usize>(positionInPage >> 2) * keyFourBytes(headDim);
  for (let d = 0; d < headDim; d += KEY_BLOCK) {
    const size = min(KEY_BLOCK, headDim - d);
    const scale = storePairs(k + (<usize>d << 2), size, block + 2 * lane, 1, 8);
    block += <usize>size << 2;
    store<f32>(block + (lane << 2), scale);
    block += 16;
  }
  const values = page + keyBytesQ8(headDim);
  const row = values + <usize>((positionInPage >> 1) * headDim * 2 + (positionInPage & 1));
  const scale = storePairs(v, headDim, row, 2, 4);
  store<f32>(values + <usize>(PAGE_POSITIONS * headDim + 4 * positionInPage), scale);
}
