/**
 * e^x, ln x and x^y in f64, for tables and sampling: the same bits on every machine, unlike the host's
 * `Math`. Source: FreeBSD's msun (fdlibm), `e_exp.c` and `e_log.c`, "Copyright (C) 1993 by Sun Microsystems,
 * Inc. Permission to use, copy, modify, and distribute this software is freely granted."
 */

const LN2_HIGH: f64 = 6.9314718036912381649e-1;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
const LOG2_E: f64 = 1.44269504088896338700;

@inline
function powerOfTwo(n: i32): f64 {
  return reinterpret<f64>(<u64>(n + 1023) << 52);
}

/** x · 2^n for n in −1075..1024. */
@inline
function scaleByPower(x: f64, n: i32): f64 {
  // In two steps where 2^n or the result is no normal number.
  if (n < -1021) return x * powerOfTwo(n + 1000) * powerOfTwo(-1000);
  if (n > 1023) return x * 2 * powerOfTwo(n - 1);
  return x * powerOfTwo(n);
}

/** e^x. Error: below 1 ulp; infinity above 709.78, 0 below −745.13. */
export function exp(x: f64): f64 {
  if (x != x) return x;
  if (x > 709.782712893383973096) return Infinity;
  if (x < -745.13321910194110842) return 0;
  const n = nearest<f64>(x * LOG2_E);
  const high = x - n * LN2_HIGH;
  const low = n * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (1.66666666666666019037e-1 +
        t *
          (-2.77777777770155933842e-3 +
            t * (6.61375632143793436117e-5 + t * (-1.65339022054652515390e-6 + t * 4.13813679705723846039e-8))));
  return scaleByPower(1 - (low - (r * c) / (2 - c) - high), <i32>n);
}

/** ln x. Error: below 1 ulp; −infinity for 0, NaN below. */
export function log(x: f64): f64 {
  if (x != x || x < 0) return NaN;
  if (x == 0) return -Infinity;
  if (x == Infinity) return x;
  let n = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984; // 2^54: subnormals become normal
    n = -54;
  }
  let bits = reinterpret<u64>(x);
  n += <i32>(bits >> 52) - 1023;
  bits &= 0x000fffffffffffff;
  // m in [sqrt(2)/2, sqrt(2))
  const big = bits >= 0x0006a09e667f3bcd;
  n += <i32>big;
  const f = reinterpret<f64>(bits | (<u64>(big ? 1022 : 1023) << 52)) - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const even =
    z *
    (6.666666666666735130e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const half = 0.5 * f * f;
  const k = <f64>n;
  return k * LN2_HIGH - (half - (s * (half + (odd + even)) + k * LN2_LOW) - f);
}

/** x^y for x ≥ 0. Relative error: at most (|y · ln x| + 2) · 2^-52; x^0 is 1. */
export function pow(x: f64, y: f64): f64 {
  if (y == 0) return 1;
  return exp(y * log(x));
}
