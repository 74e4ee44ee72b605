import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';

/**
 * The part of a rank's assignment that lies in one memory: a run of sublayers, of which each layer has two, attention
 * and FFN, numbered as their syncs are. A rank's stages follow each other; the last has the output head as well.
 */
export interface StageAssignment extends Assignment {
  /** Sublayers [first, end); none for a stage that is the output head alone. */
  readonly firstSublayer: number;
  readonly endSublayer: number;
  /** Bytes of memory for its tiles, the base tile apart, where they do not all fit: some stay, others stream. */
  readonly weightBytes?: number | undefined;
  /** Then, where records of neurons can be read by themselves, what a read costs: see `Residency`. */
  readonly seekBytes?: number | undefined;
}

/** A rank in one memory. */
export function singleStage(description: ModelDescription, assignment: Assignment): StageAssignment {
  return { ...assignment, firstSublayer: 0, endSublayer: 2 * description.config.layerCount };
}
