/**
 * Four elements of a KV page as f32: as they are, or IEEE halves · 2^-112 (the exponent moved, not rebiased:
 * one shift and one mask). Exact for all finite halves; infinities and NaN come out as numbers from 2^16 on.
 * @param bits the vector at HALF_BITS
 */
@inline
export function loadElements<T>(p: usize, bits: v128): v128 {
  if (sizeof<T>() == 4) return v128.load(p);
  return v128.and(i32x4.shl(v128.load16x4_s(p), 13), bits);
}
