import type { Spans } from '../../runtime/profile/recorder.ts';

/** What answers are made of: prompts that are read, and tokens that follow one by one. */
export const parts = ['prefill', 'decode'] as const;
export type Part = (typeof parts)[number];

/** Where the time of one step went, on everyone who had a part in it. Times in milliseconds of the coordinator's clock. */
export interface StepRecord {
  readonly stepId: number;
  readonly part: Part;
  readonly tokens: number;
  /** The end of the step before, or of what came before the profile: the time between belongs to this one. */
  readonly startMs: number;
  readonly endMs: number;
  /** The coordinator's thread, from `startMs` to `endMs`. */
  readonly coordinator: Spans;
  /** In the order of the ranks. */
  readonly devices: readonly DeviceRecord[];
}

export interface DeviceRecord {
  readonly name: string;
  /** When the coordinator began to send it the step. */
  readonly sentMs: number;
  /** When its answer was here. */
  readonly answeredMs: number;
  /** Its threads, all over the same time: from the step's arrival until the answer had left. */
  readonly threads: readonly Spans[];
}

/** Milliseconds of a thread's spans. */
export function spansMs({ durationsUs }: Spans): number {
  return durationsUs.reduce((sum, us) => sum + us, 0) / 1000;
}
