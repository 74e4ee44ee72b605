import { KernelCodec } from '../collective/kernel-codec.ts';
import { Arena } from '../kernels/arena.ts';
import { type Kernels, readAheadBytes } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { alone } from '../threads/team.ts';
import { tileSpecs } from '../tile/spec.ts';
import { Rank } from './rank.ts';
import type { RankOptions } from './rank-options.ts';

/** Bytes of memory that a rank takes. */
export interface RankBytes {
  /** Of its tiles' weights. */
  readonly tiles: number;
  /** Of all else: KV pages, activations, sums, what each thread needs, and what is the kernels' own. */
  readonly rest: number;
}

/** Laying out calls no kernel. */
const noKernels = {} as Kernels;

/**
 * What a rank's memory must hold, told by laying the rank out where nothing is allocated.
 * @param threads threads that compute it
 */
export function rankBytes(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  threads: number,
): RankBytes {
  const arena = new Arena(undefined);
  const planeValues = assignment.worldSize > 1 ? options.maxStepTokens * description.config.hiddenSize : 0;
  new KernelCodec(noKernels, arena, planeValues);
  new Rank(noKernels, arena, description, assignment, options, { ...alone, size: threads });
  const specs = tileSpecs(description);
  const tiles = assignment.tileIds.reduce((sum, id) => sum + specs[id]!.byteLength, 0);
  return { tiles, rest: arena.usedBytes + readAheadBytes - tiles };
}
