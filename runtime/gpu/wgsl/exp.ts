import { float32 } from './text.ts';

/** `expF32` of `assembly/exp-f32.ts`, operation by operation. */
export const exp = /* wgsl */ `
const lowestExponent = ${float32(-87.25)};
const highestExponent = ${float32(88.75)};
const rounding = ${float32(12582912)};

fn polynomialStep(p: u32, r: u32, coefficient: u32) -> u32 {
  return addF32(multiplyF32(p, r), coefficient);
}

fn expF32(x: u32) -> u32 {
  if (isLessF32(x, lowestExponent)) { return 0u; }
  let bounded = select(x, highestExponent, isLessF32(highestExponent, x));
  let shifted = addF32(multiplyF32(bounded, ${float32(1.4426950216293335)}), rounding);
  let n = addF32(shifted, rounding ^ signBit);
  var r = addF32(bounded, multiplyF32(n, ${float32(0.693359375)}) ^ signBit);
  r = addF32(r, multiplyF32(n, ${float32(-2.1219444e-4)}) ^ signBit);
  var p = polynomialStep(${float32(1.98756915e-4)}, r, ${float32(1.3981999507e-3)});
  p = polynomialStep(p, r, ${float32(8.3334519073e-3)});
  p = polynomialStep(p, r, ${float32(4.1665795894e-2)});
  p = polynomialStep(p, r, ${float32(1.6666665459e-1)});
  p = polynomialStep(p, r, ${float32(5.0000001201e-1)});
  p = addF32(multiplyF32(p, multiplyF32(r, r)), addF32(r, ${float32(1)}));
  return multiplyF32(p, (shifted - rounding + 127u) << 23u);
}
`;
