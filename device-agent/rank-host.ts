import { KernelCodec } from '../runtime/collective/kernel-codec.ts';
import { Rank } from '../runtime/decoder/rank.ts';
import { Arena } from '../runtime/kernels/arena.ts';
import type { Kernels } from '../runtime/kernels/kernels.ts';
import type { CreateRank } from './rank-runner.ts';

/** Ranks that compute with the kernels, each in a memory of its own that goes when the rank goes. */
export function kernelRanks(startKernels: () => Kernels): CreateRank {
  return (description, assignment, options) => {
    const kernels = startKernels();
    const arena = new Arena(kernels.memory);
    const planeValues = assignment.worldSize > 1 ? options.maxStepTokens * description.config.hiddenSize : 0;
    const codec = new KernelCodec(kernels, arena, planeValues);
    return { rank: new Rank(kernels, arena, description, assignment, options), codec };
  };
}
