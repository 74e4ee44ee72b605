/**
 * sin x and cos x in f64 for |x| ≤ 2^27 (NaN beyond, loudly).
 *
 * x = n · π/2 + (high + low) with |high| ≤ π/4: π/2 in three parts of 26 bits and a rest, so that n · part is
 * exact. Error: at most 2^-52, and 2^-70 beside multiples of π, where the sine vanishes.
 * Source of the polynomials: fdlibm `k_sin.c`, `k_cos.c`, "Copyright (C) 1993 by Sun Microsystems, Inc.
 * Permission to use, copy, modify, and distribute this software is freely granted."
 */

const LARGEST: f64 = 134217728; // 2^27
const TWO_OVER_PI: f64 = 6.36619772367581382433e-1;
const HALF_PI_1: f64 = 1.5707963109016418;
const HALF_PI_2: f64 = 1.5893254712295857e-08;
const HALF_PI_3: f64 = 6.123233601181349e-17;
const HALF_PI_4: f64 = 3.9455541665632055e-24;

/** sin(x + y) for |x| ≤ π/4, y its tail. */
@inline
function sinPolynomial(x: f64, y: f64): f64 {
  const z = x * x;
  const v = z * x;
  const r =
    8.33333333332248946124e-3 +
    z *
      (-1.98412698298579493134e-4 +
        z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)));
  return x - (z * (0.5 * y - v * r) - y - v * -1.66666666666666324348e-1);
}

/** cos(x + y) for |x| ≤ π/4, y its tail. */
@inline
function cosPolynomial(x: f64, y: f64): f64 {
  const z = x * x;
  const r =
    z *
    (4.16666666666666019037e-2 +
      z *
        (-1.38888888888741095749e-3 +
          z *
            (2.48015872894767294178e-5 +
              z * (-2.75573143513906633035e-7 + z * (2.08757232129817482790e-9 + z * -1.13596475577881948265e-11)))));
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * r - x * y));
}

/** sin(x + quarterTurns · π/2). */
@inline
function sinShifted(x: f64, quarterTurns: i32): f64 {
  if (!(abs<f64>(x) <= LARGEST)) return NaN;
  const n = nearest<f64>(x * TWO_OVER_PI);
  const first = x - n * HALF_PI_1; // exact
  const product = n * HALF_PI_2; // exact
  const difference = first - product;
  const back = difference - first;
  const lost = first - (difference - back) - (product + back); // what the subtraction rounded away
  const rest = lost - n * HALF_PI_3 - n * HALF_PI_4;
  const high = difference + rest;
  const low = difference - high + rest;
  const quadrant = (<i32>n + quarterTurns) & 3;
  const value = quadrant & 1 ? cosPolynomial(high, low) : sinPolynomial(high, low);
  return quadrant & 2 ? -value : value;
}

export function sin(x: f64): f64 {
  return sinShifted(x, 0);
}

export function cos(x: f64): f64 {
  return sinShifted(x, 1);
}
