import { f16, f32 } from './formats/floats.ts';
import type { KernelFormat, KernelFormatName } from './formats/format.ts';
import { q4_0 } from './formats/q4-0.ts';
import { q4_K } from './formats/q4-k.ts';
import { q6_K } from './formats/q6-k.ts';
import { q8_0 } from './formats/q8-0.ts';

export { type ActivationFormat, activationBytes, quantizeActivations } from './activations.ts';
export type { KernelFormat, KernelFormatName } from './formats/format.ts';
export { matmulScratchBytes, paddedRowCount } from './formats/format.ts';

/** All weight formats that have a kernel: a new one is a file in `formats/` and a line here. */
export const kernelFormats: Record<KernelFormatName, KernelFormat> = {
  F32: f32,
  F16: f16,
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_K: q4_K,
  Q6_K: q6_K,
};
