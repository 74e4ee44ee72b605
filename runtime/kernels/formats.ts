import { bf16, f16, f32 } from './formats/floats.ts';
import type { KernelFormat, KernelFormatName } from './formats/format.ts';
import { iq4_NL } from './formats/iq4-nl.ts';
import { iq4_XS } from './formats/iq4-xs.ts';
import { q2_K } from './formats/q2-k.ts';
import { q3_K } from './formats/q3-k.ts';
import { q4_0 } from './formats/q4-0.ts';
import { q4_1 } from './formats/q4-1.ts';
import { q4_K } from './formats/q4-k.ts';
import { q5_0 } from './formats/q5-0.ts';
import { q5_1 } from './formats/q5-1.ts';
import { q5_K } from './formats/q5-k.ts';
import { q6_K } from './formats/q6-k.ts';
import { q8_0 } from './formats/q8-0.ts';

export { type ActivationFormat, activationBytes, quantizeActivations } from './activations.ts';
export type { KernelFormat, KernelFormatName } from './formats/format.ts';
export { matmulScratchBytes, paddedRowCount } from './formats/format.ts';

/** All weight formats, each with its kernel: a new one is a file in `formats/` and a line here. */
export const kernelFormats: Record<KernelFormatName, KernelFormat> = {
  F32: f32,
  F16: f16,
  BF16: bf16,
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q2_K: q2_K,
  Q3_K: q3_K,
  Q4_K: q4_K,
  Q5_K: q5_K,
  Q6_K: q6_K,
  IQ4_NL: iq4_NL,
  IQ4_XS: iq4_XS,
};
