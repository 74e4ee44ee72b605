import { EXP } from './constants';

/**
 * e^x of four f32.
 *
 * x = n · ln 2 + r with |r| ≤ ln(2)/2 (ln 2 in two parts), e^r by a polynomial of degree 7, times 2^n.
 * Relative error: at most 3 · 2^-24 for −87.25 ≤ x ≤ 88.37 (tests measure it). Below: exactly 0. Above 88.37:
 * infinity. NaN stays NaN. Constants stand at EXP.
 * Source of the polynomial: Cephes, `expf.c` (S. Moshier).
 */
@inline
export function expF32(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, v128.load(EXP + 192)), v128.load(EXP + 176));
  const rounding = v128.load(EXP + 16);
  const shifted = f32x4.add(f32x4.mul(bounded, v128.load(EXP)), rounding);
  const n = f32x4.sub(shifted, rounding);
  let r = f32x4.sub(bounded, f32x4.mul(n, v128.load(EXP + 32)));
  r = f32x4.sub(r, f32x4.mul(n, v128.load(EXP + 48)));
  let p = f32x4.add(f32x4.mul(v128.load(EXP + 64), r), v128.load(EXP + 80));
  p = f32x4.add(f32x4.mul(p, r), v128.load(EXP + 96));
  p = f32x4.add(f32x4.mul(p, r), v128.load(EXP + 112));
  p = f32x4.add(f32x4.mul(p, r), v128.load(EXP + 128));
  p = f32x4.add(f32x4.mul(p, r), v128.load(EXP + 144));
  p = f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), f32x4.add(r, v128.load(EXP + 160)));
  const powers = i32x4.shl(i32x4.add(shifted, v128.load(EXP + 208)), 23);
  const tooSmall = f32x4.lt(x, v128.load(EXP + 192));
  return v128.andnot(f32x4.mul(p, powers), tooSmall);
}
