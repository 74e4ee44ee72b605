/**
 * What attention needs of IEEE 754 float64: additions of numbers that are not negative, and one division, each with one
 * rounding to nearest, ties to even. A float64 is its two words, the high one first, as `vec2u`. For finite numbers
 * that are zero or at least 2^-126, as float32 are; after `binary32`.
 */
export const binary64 = /* wgsl */ `
const zeroF64 = vec2u(0u);

fn shiftLeft64(x: vec2u, by: u32) -> vec2u {
  if (by == 0u) { return x; }
  if (by > 31u) { return vec2u(x.y << (by - 32u), 0u); }
  return vec2u((x.x << by) | (x.y >> (32u - by)), x.y << by);
}

// What is shifted out stays visible in the lowest bit.
fn shiftRightJam64(x: vec2u, by: u32) -> vec2u {
  if (by == 0u) { return x; }
  if (by > 63u) { return vec2u(0u, u32((x.x | x.y) != 0u)); }
  if (by > 31u) {
    let lost = (x.x & ((1u << (by - 32u)) - 1u)) | x.y;
    return vec2u(0u, (x.x >> (by - 32u)) | u32(lost != 0u));
  }
  let lost = x.y & ((1u << by) - 1u);
  return vec2u(x.x >> by, (x.y >> by) | (x.x << (32u - by)) | u32(lost != 0u));
}

fn add64(a: vec2u, b: vec2u) -> vec2u {
  let low = a.y + b.y;
  return vec2u(a.x + b.x + u32(low < a.y), low);
}

// Of float32 bits of a normal number or a zero, no sign. What is subnormal counts as a zero.
fn f64OfF32(a: u32) -> vec2u {
  if (a < hiddenBit) { return zeroF64; }
  return vec2u((a >> 3u) + (896u << 20u), a << 29u);
}

// x · 2^(exponent − 1085), where bit 62 of x is set or x is zero; its lowest bit also stands for all that follows.
fn roundedF64(exponent: u32, x: vec2u) -> vec2u {
  let rest = x.y & 0x3ffu;
  let kept = shiftRightJam64(vec2u(x.x, x.y & ~0x3ffu), 10u);
  let up = u32(rest + (kept.y & 1u) > 0x200u);
  // A carry out of the fraction goes where it belongs, into the exponent.
  return add64(kept, vec2u((exponent - 1u) << 20u, up));
}

// Ten bits below the last one: bit 62 is the first.
fn significandF64(a: vec2u) -> vec2u {
  return shiftLeft64(vec2u((a.x & 0xfffffu) | 0x100000u, a.y), 10u);
}

fn addF64(a: vec2u, b: vec2u) -> vec2u {
  let swaps = b.x > a.x || (b.x == a.x && b.y > a.y);
  let x = select(a, b, swaps);
  let y = select(b, a, swaps);
  if (y.x == 0u && y.y == 0u) { return x; }
  let exponent = x.x >> 20u;
  let smaller = shiftRightJam64(significandF64(y), exponent - (y.x >> 20u));
  let sum = add64(significandF64(x), smaller);
  let carries = sum.x >= signBit;
  return roundedF64(exponent + u32(carries), select(sum, shiftRightJam64(sum, 1u), carries));
}

fn isLess64(a: vec2u, b: vec2u) -> bool { return a.x < b.x || (a.x == b.x && a.y < b.y); }

fn subtract64(a: vec2u, b: vec2u) -> vec2u { return vec2u(a.x - b.x - u32(a.y < b.y), a.y - b.y); }

// 2^power / a, rounded to float64.
fn powerByF64(power: i32, a: vec2u) -> vec2u {
  let divisor = vec2u((a.x & 0xfffffu) | 0x100000u, a.y);
  let isPower = divisor.x == 0x100000u && divisor.y == 0u;
  // Of a quotient in (1/2, 1] bit after bit; a power of two is 1 and nothing more.
  var rest = vec2u(0x100000u, 0u);
  var quotient = vec2u(0u, u32(isPower));
  if (isPower) { rest = vec2u(0u); }
  for (var i = 0; i < 62; i++) {
    rest = shiftLeft64(rest, 1u);
    let fits = !isLess64(rest, divisor);
    rest = select(rest, subtract64(rest, divisor), fits);
    quotient = shiftLeft64(quotient, 1u);
    quotient.y |= u32(fits);
  }
  quotient.y |= u32((rest.x | rest.y) != 0u);
  let exponent = 1023 + power - (i32(a.x >> 20u) - 1023);
  // Bit 62 is that of one; a smaller one begins at bit 61.
  if (isPower) { return roundedF64(u32(exponent), quotient); }
  return roundedF64(u32(exponent - 1), shiftLeft64(quotient, 1u));
}

// To float32, of a result that is a normal float32.
fn f32OfF64(a: vec2u) -> u32 {
  let x = shiftLeft64(vec2u((a.x & 0xfffffu) | 0x100000u, a.y), 11u);
  return roundedF32(0u, i32(a.x >> 20u) - 896, x.x | u32(x.y != 0u));
}
`;
