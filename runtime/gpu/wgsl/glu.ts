import type { FfnActivation } from '../../model/config.ts';
import { exp } from './exp.ts';
import { float32 } from './text.ts';

const silu = /* wgsl */ `${exp}
fn activated(gate: u32, up: u32) -> u32 {
  let sigmoidInverse = addF32(${float32(1)}, expF32(gate ^ signBit));
  return multiplyF32(divideF32(gate, sigmoidInverse), up);
}`;

/** Exactly +0 where it does not fire; a NaN does. */
const rectified = (silent: string, value: string) => /* wgsl */ `
fn isSilent(x: u32) -> bool { return x == 0u || (x >= signBit && (x & ~signBit) <= infinityBits); }
fn activated(gate: u32, up: u32) -> u32 {
  if (${silent}) { return 0u; }
  return ${value};
}`;

/** What `gluKernels` compute, for one neuron: `activated(gate, up)`. */
export const gluTexts: Readonly<Record<FfnActivation, string>> = {
  silu,
  relu: rectified('isSilent(gate)', 'multiplyF32(gate, up)'),
  relu2: rectified('isSilent(gate)', 'multiplyF32(multiplyF32(gate, gate), up)'),
  drelu: rectified('isSilent(gate) || isSilent(up)', 'multiplyF32(gate, up)'),
};
