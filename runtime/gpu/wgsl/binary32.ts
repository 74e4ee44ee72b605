/**
 * IEEE 754 float32 in WGSL's integers: add, multiply, divide, take roots and compare with one rounding to nearest, ties to even,
 * subnormals, infinities and signed zeros as WebAssembly has them; a NaN is 0x7fc00000. WGSL's own floats promise no
 * rounding mode, may be fused or reordered and may lose subnormals, even in a bitcast; its integers are exact. So a
 * float is never more than its bits here, a `u32`.
 */
export const binary32 = /* wgsl */ `
const signBit = 0x80000000u;
const hiddenBit = 0x00800000u;
const fractionBits = 0x007fffffu;
const infinityBits = 0x7f800000u;
const notANumber = 0x7fc00000u;

// What is shifted out stays visible in the lowest bit.
fn shiftRightJam(x: u32, by: u32) -> u32 {
  if (by > 31u) { return u32(x != 0u); }
  return (x >> by) | u32((x & ((1u << by) - 1u)) != 0u);
}

// x · 2^(exponent − 158), where bit 31 of x is set; its lowest bit also stands for all that follows.
fn roundedF32(sign: u32, exponent: i32, x: u32) -> u32 {
  if (exponent >= 255) { return sign | infinityBits; }
  var y = x;
  var base = 0u;
  if (exponent > 0) {
    base = u32(exponent - 1) << 23u;
  } else {
    y = shiftRightJam(x, u32(1 - exponent));
  }
  let kept = y >> 8u;
  // A carry out of the fraction goes where it belongs, into the exponent.
  return sign | (base + kept + u32((y & 0xffu) + (kept & 1u) > 0x80u));
}

struct Normal {
  exponent: i32,
  significand: u32,
}

// Of a finite magnitude above zero: a significand of 24 bits, also for what is subnormal.
fn normalized(magnitude: u32) -> Normal {
  if (magnitude >= hiddenBit) {
    return Normal(i32(magnitude >> 23u), (magnitude & fractionBits) | hiddenBit);
  }
  let by = countLeadingZeros(magnitude) - 8u;
  return Normal(1 - i32(by), magnitude << by);
}

fn multiplySignificands(sign: u32, exponent: i32, a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (a & 0xffffu) * (b >> 16u);
  let x = (((a >> 16u) * (b >> 16u)) << 16u) + middle + (low >> 16u);
  let jammed = x | u32((low & 0xffffu) != 0u);
  let carries = jammed >= signBit;
  return roundedF32(sign, exponent + i32(carries), select(jammed << 1u, jammed, carries));
}

// Zeros, subnormals and what is not finite.
fn multiplyRareF32(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & signBit;
  let x = a & ~signBit;
  let y = b & ~signBit;
  let larger = max(x, y);
  let smaller = min(x, y);
  if (larger > infinityBits || (larger == infinityBits && smaller == 0u)) { return notANumber; }
  if (larger == infinityBits || smaller == 0u) { return sign | select(0u, infinityBits, smaller != 0u); }
  let p = normalized(x);
  let q = normalized(y);
  return multiplySignificands(sign, p.exponent + q.exponent - 127, p.significand, q.significand);
}

fn multiplyF32(a: u32, b: u32) -> u32 {
  let aExponent = (a >> 23u) & 255u;
  let bExponent = (b >> 23u) & 255u;
  if (max(aExponent - 1u, bExponent - 1u) > 253u) { return multiplyRareF32(a, b); }
  let exponent = i32(aExponent + bExponent) - 127;
  return multiplySignificands(
    (a ^ b) & signBit, exponent, (a & fractionBits) | hiddenBit, (b & fractionBits) | hiddenBit,
  );
}

fn addF32(a: u32, b: u32) -> u32 {
  let swaps = (b & ~signBit) > (a & ~signBit);
  let x = select(a, b, swaps);
  let y = select(b, a, swaps);
  let xExponent = (x >> 23u) & 255u;
  let yExponent = (y >> 23u) & 255u;
  if (xExponent == 255u) {
    let isNumber = (x & ~signBit) == infinityBits && (y ^ x) != signBit;
    return select(notANumber, x, isNumber);
  }
  let isDifference = ((x ^ y) & signBit) != 0u;
  // Seven bits below the last one: enough to round right after any cancellation.
  let larger = ((x & fractionBits) | select(0u, hiddenBit, xExponent > 0u)) << 7u;
  let other = ((y & fractionBits) | select(0u, hiddenBit, yExponent > 0u)) << 7u;
  let smaller = shiftRightJam(other, max(xExponent, 1u) - max(yExponent, 1u));
  let sum = select(larger + smaller, larger - smaller, isDifference);
  if (sum == 0u) { return select(x, 0u, isDifference) & signBit; }
  let by = countLeadingZeros(sum);
  return roundedF32(x & signBit, i32(max(xExponent, 1u)) + 1 - i32(by), sum << by);
}

fn divideF32(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & signBit;
  let x = a & ~signBit;
  let y = b & ~signBit;
  if (max(x, y) > infinityBits || (x == y && (x == 0u || x == infinityBits))) { return notANumber; }
  if (x == 0u || y == infinityBits) { return sign; }
  if (y == 0u || x == infinityBits) { return sign | infinityBits; }
  let p = normalized(x);
  let q = normalized(y);
  let isBelow = p.significand < q.significand;
  var rest = select(p.significand, p.significand << 1u, isBelow) - q.significand;
  var quotient = 1u;
  for (var i = 0; i < 3; i++) {
    rest <<= 8u;
    quotient = (quotient << 8u) | (rest / q.significand);
    rest %= q.significand;
  }
  rest <<= 7u;
  quotient = (quotient << 7u) | (rest / q.significand);
  let jammed = quotient | u32(rest % q.significand != 0u);
  return roundedF32(sign, p.exponent - q.exponent + 127 - i32(isBelow), jammed);
}

fn sqrtF32(a: u32) -> u32 {
  if (a == 0u || a == signBit || a == infinityBits) { return a; }
  if (a > infinityBits) { return notANumber; }
  let p = normalized(a);
  let exponent = p.exponent - 127;
  // In [1, 4) with an even exponent: two bits before the point, then pairs; each pair gives a bit of the root.
  let isOdd = (exponent & 1) != 0;
  var bits = p.significand << select(9u, 10u, isOdd);
  var rest = select(0u, (p.significand >> 22u) - 1u, isOdd);
  var root = 1u;
  for (var i = 0; i < 25; i++) {
    rest = (rest << 2u) | (bits >> 30u);
    bits <<= 2u;
    let trial = (root << 2u) | 1u;
    let fits = rest >= trial;
    rest = select(rest, rest - trial, fits);
    root = (root << 1u) | u32(fits);
  }
  return roundedF32(0u, (exponent >> 1u) + 127, (root << 6u) | u32(rest != 0u));
}

// Rounds from 25 bits on.
fn intToF32(n: i32) -> u32 {
  if (n == 0) { return 0u; }
  let size = u32(abs(n));
  let by = countLeadingZeros(size);
  return roundedF32(u32(n) & signBit, 158 - i32(by), size << by);
}

// False for a NaN.
fn isLessF32(a: u32, b: u32) -> bool {
  let x = a & ~signBit;
  let y = b & ~signBit;
  if (max(x, y) > infinityBits) { return false; }
  return select(i32(x), -i32(x), a >= signBit) < select(i32(y), -i32(y), b >= signBit);
}
`;
