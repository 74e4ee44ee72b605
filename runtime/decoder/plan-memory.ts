import { HearthError } from '../error.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { tileSpecs } from '../tile/spec.ts';
import { streamableBytes, tileAlignment } from '../weights/residency.ts';
import { planStages } from './plan-stages.ts';
import type { RankOptions } from './rank-options.ts';
import type { StageAssignment } from './stage-assignment.ts';
import { type LayoutBytes, stageBytes } from './stage-bytes.ts';

export interface MemoryLimits {
  /** What all memories of the rank may hold together. */
  readonly budgetBytes: number;
  /** What one memory may hold. */
  readonly arenaLimitBytes: number;
  /** Whether tiles can be streamed from where they are kept. */
  readonly streams: boolean;
  /** Absent where records of neurons cannot be read by themselves. */
  readonly rows?: RowLimits | undefined;
}

export interface RowLimits {
  /** What a read costs, see `Residency`. */
  readonly seekBytes: number;
  /** What the threads that read take of the rank's memory. */
  readonly threadBytes: number;
}

/** Rounding, and one memory more or less, move the sum a little: so often is it tried again. */
const attempts = 8;

/**
 * Divides a rank into stages within the memory that a device has for it. KV pages, activations and sums come first; if
 * its weights do not fit into the rest, each stage has room for the same share of its own, and streams the others.
 * @param threads threads that compute the rank
 * @throws HearthError MEMORY_EXHAUSTED with the numbers
 */
export function planMemory(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  threads: number,
  limits: MemoryLimits,
): StageAssignment[] {
  const { budgetBytes, arenaLimitBytes, streams, rows } = limits;
  const specs = tileSpecs(description);
  const plan = (share: number) =>
    planStages(description, assignment, options, threads, arenaLimitBytes, share, rows?.seekBytes);
  const bytesOf = (stages: readonly StageAssignment[]) =>
    sum(stages.map((stage) => stageBytes(description, specs, stage, options, threads)));
  let stages = plan(1);
  let bytes = bytesOf(stages);
  if (bytes.tiles + bytes.rest <= budgetBytes) return stages;

  const all = streamableBytes(assignment.tileIds.map((id) => specs[id]!));
  const streamingBytes = budgetBytes - (rows?.threadBytes ?? 0);
  let share = streams ? 1 : 0;
  for (let attempt = 0; attempt < attempts && share > 0; attempt += 1) {
    const overBytes = bytes.tiles + bytes.rest - streamingBytes;
    share = Math.max(0, share - (overBytes + tileAlignment) / all);
    stages = plan(share);
    bytes = bytesOf(stages);
    if (bytes.tiles + bytes.rest <= streamingBytes) return stages;
  }
  // Rings for records, and who reads them, take more than a window by itself.
  if (rows) return planMemory(description, assignment, options, threads, { ...limits, rows: undefined });
  throw tooLarge(bytes, streams, budgetBytes);
}

function sum(parts: readonly LayoutBytes[]): LayoutBytes {
  return {
    tiles: parts.reduce((total, { tiles }) => total + tiles, 0),
    rest: parts.reduce((total, { rest }) => total + rest, 0),
  };
}

function tooLarge({ tiles, rest }: LayoutBytes, streams: boolean, budgetBytes: number): HearthError {
  const weights = streams
    ? `${tiles} for a window of its weights`
    : `${tiles} for its weights, which this device cannot stream`;
  return new HearthError(
    'MEMORY_EXHAUSTED',
    `this part of the model takes ${rest} bytes for KV pages and computing and ${weights}, and this device may use ` +
      `${budgetBytes}. Give it more memory, fewer tiles, fewer sequences or a shorter context.`,
    { restBytes: rest, tileBytes: tiles, budgetBytes },
  );
}
