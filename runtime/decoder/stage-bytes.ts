import { Arena } from '../kernels/arena.ts';
import { type Kernels, readAheadBytes } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import { alone } from '../threads/team.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { RankOptions } from './rank-options.ts';
import { Stage } from './stage.ts';
import type { StageAssignment } from './stage-assignment.ts';

/** Bytes of memory that something takes which is laid out. */
export interface LayoutBytes {
  /** Of its tiles' weights. */
  readonly tiles: number;
  /** Of all else: KV pages, activations, sums, what each thread needs, and what is the kernels' own. */
  readonly rest: number;
}

/** Laying out calls no kernel. */
const noKernels = {} as Kernels;

/**
 * What a stage's memory must hold, told by laying the stage out where nothing is allocated.
 * @param specs all tiles of the model
 * @param threads threads that compute it
 */
export function stageBytes(
  description: ModelDescription,
  specs: readonly TileSpec[],
  assignment: StageAssignment,
  options: RankOptions,
  threads: number,
): LayoutBytes {
  const arena = new Arena(undefined);
  const place = { kernels: noKernels, arena };
  new Stage(place, description, specs, assignment, options, { ...alone, size: threads });
  const held = assignment.tileIds.map((id) => specs[id]!);
  const weights = held.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const { weightBytes } = assignment;
  const base = held.find(({ kind }) => kind === 'base')?.byteLength ?? 0;
  const tiles = weightBytes === undefined ? weights : base + weightBytes;
  return { tiles, rest: arena.usedBytes + readAheadBytes - tiles };
}
