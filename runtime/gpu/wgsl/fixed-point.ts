/**
 * `addPartial` of `assembly/fixed-point.ts`, by atomic additions, since the order of integers does not matter. Of a program
 * that binds `scales`, float32 [tokens, 4] as of `rmsNorm`; `sums`: a word of the call's number and two bits of flags, fine
 * [tokens, rows], coarse likewise; `call`; and a `shape` with `rows` and `bound`, the most that a value may be.
 */
export const fixedPoint = /* wgsl */ `
const beyondInt32 = 0x4f000000u; // 2^31

// To the nearest integer, ties to even, of a magnitude below 2^31.
fn nearestInteger(magnitude: u32) -> u32 {
  let exponent = magnitude >> 23u;
  if (exponent < 126u) { return 0u; }
  let significand = (magnitude & fractionBits) | hiddenBit;
  if (exponent >= 150u) { return significand << (exponent - 150u); }
  let by = 150u - exponent;
  let whole = significand >> by;
  let rest = significand & ((1u << by) - 1u);
  return whole + u32(rest + (whole & 1u) > (1u << (by - 1u)));
}

// Whether the value, in this unit, went to the sum at this place.
fn added(value: u32, scale: u32, at: u32) -> bool {
  let scaled = multiplyF32(value, scale);
  let magnitude = scaled & ~signBit;
  if (magnitude >= beyondInt32) { return false; }
  let whole = nearestInteger(magnitude);
  if (whole > shape.bound) { return false; }
  atomicAdd(&sums[at], select(whole, 0u - whole, scaled >= signBit));
  return true;
}

fn addPartial(value: u32, token: u32, row: u32) {
  var at = 1u + token * shape.rows + row;
  for (var plane = 0u; plane < 2u; plane++) {
    if (added(value, scales[4u * token + 2u * plane], at)) {
      if (plane == 1u) { atomicOr(&sums[0], 1u); }
      return;
    }
    at += call.tokens * shape.rows;
  }
  atomicOr(&sums[0], 2u);
}

// By one invocation of a program.
fn signSums() { atomicOr(&sums[0], call.serial << 2u); }
`;
