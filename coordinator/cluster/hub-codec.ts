import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { KernelCodec } from '../../runtime/collective/kernel-codec.ts';
import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import { Arena } from '../../runtime/kernels/arena.ts';

/** The hub's own kernels and memory, for planes of at most so many values. */
export function hubCodec(maxValues: number): PlaneCodec {
  const kernels = startKernels();
  return new KernelCodec(kernels, new Arena(kernels.memory), maxValues);
}
