/**
 * A KV page: 64 positions of one KV head. K as [16 fours of positions][headDim][4], so that the scores of
 * four positions stand in one vector; V behind it as [64][headDim]. Elements are f32 or IEEE halves.
 */
export const PAGE_POSITIONS: i32 = 64;

/** 65520: from here on halves would round to infinity. */
const HALF_OVERFLOW: u32 = 0x477ff000;
const F32_INFINITY: u32 = 0x7f800000;

/**
 * f32 to IEEE half, to nearest, ties to even. Finite values beyond ±65504 become ±65504; infinities and NaN
 * stay what they are.
 */
@inline
function toHalf(x: f32): u32 {
  const bits = reinterpret<u32>(x);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= HALF_OVERFLOW) {
    if (magnitude < F32_INFINITY) return sign | 0x7bff;
    return sign | (magnitude > F32_INFINITY ? 0x7e00 : 0x7c00);
  }
  if (magnitude < 0x38800000) {
    // Below 2^-14: adding 0.5 rounds to multiples of 2^-24 in the low mantissa bits.
    return sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

@inline
function storeElement<T>(p: usize, x: f32): void {
  if (sizeof<T>() == 4) store<f32>(p, x);
  else store<u16>(p, <u16>toHalf(x));
}

@inline
function storeKv<T>(page: usize, k: usize, v: usize, positionInPage: i32, headDim: i32): void {
  const size = sizeof<T>();
  const four = <usize>((positionInPage >> 2) * headDim * 4 + (positionInPage & 3));
  let kOut = page + four * size;
  let vOut = page + <usize>((PAGE_POSITIONS + positionInPage) * headDim) * size;
  for (let d = 0; d < headDim; d++) {
    storeElement<T>(kOut, load<f32>(k));
    storeElement<T>(vOut, load<f32>(v));
    k += 4;
    v += 4;
    kOut += 4 * size;
    vOut += size;
  }
}

/** Writes k and v, f32 [headDim], of one position (0..63) into its page. */
export function storeKvF16(page: usize, k: usize, v: usize, positionInPage: i32, headDim: i32): void {
  storeKv<u16>(page, k, v, positionInPage, headDim);
}

export function storeKvF32(page: usize, k: usize, v: usize, positionInPage: i32, headDim: i32): void {
  storeKv<f32>(page, k, v, positionInPage, headDim);
}
