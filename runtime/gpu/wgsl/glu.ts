import type { FfnActivation } from '../../model/config.ts';
import { exp } from './exp.ts';
import { float32 } from './text.ts';

const silu = /* wgsl */ `${exp}
fn silu(gate: u32) -> u32 { return divideF32(gate, addF32(${float32(1)}, expF32(gate ^ signBit))); }
fn activated(gate: u32, up: u32) -> u32 { return multiplyF32(silu(gate), up); }
fn isChosen(gate: u32, cut: u32) -> bool { return cut == 0u || !isLessF32(silu(gate) & ~signBit, cut); }`;

/** Exactly +0 where it does not fire; a NaN does. */
const rectified = (silent: string, value: string) => /* wgsl */ `
fn isSilent(x: u32) -> bool { return x == 0u || (x >= signBit && (x & ~signBit) <= infinityBits); }
fn activated(gate: u32, up: u32) -> u32 {
  if (${silent}) { return 0u; }
  return ${value};
}
fn isChosen(gate: u32, cut: u32) -> bool { return !isSilent(gate); }`;

/**
 * What `gluKernels` compute, for one neuron: `activated(gate, up)`; and whether it is computed at all, by its gate and the
 * layer's cut: `isChosen(gate, cut)`, as `GatedNeurons` has it.
 */
export const gluTexts: Readonly<Record<FfnActivation, string>> = {
  silu,
  relu: rectified('isSilent(gate)', 'multiplyF32(gate, up)'),
  relu2: rectified('isSilent(gate)', 'multiplyF32(multiplyF32(gate, gate), up)'),
  drelu: rectified('isSilent(gate) || isSilent(up)', 'multiplyF32(gate, up)'),
};
