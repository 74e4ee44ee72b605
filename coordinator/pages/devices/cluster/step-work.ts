import type { DeviceState } from '../../../cluster/device-state.ts';

/** What one step takes of a device, as a mean. */
export interface StepWork {
  /** Computing, and the way there and back. */
  readonly ownMs: number;
  /** For others. */
  readonly waitMs: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly syncs: number;
  /** Weights read for it from where they lie. */
  readonly streamedBytes: number;
  /** For these weights; part of `ownMs`. */
  readonly readWaitMs: number;
}

type Counted = Pick<DeviceState, 'work' | 'memory'>;

const noMemory = { steps: 0, streamedBytes: 0, waitMs: 0 };
const noWork = { steps: 0, syncs: 0, upBytes: 0, downBytes: 0, ownMs: 0, waitMs: 0 };

/**
 * @param before the same device earlier; its counters are smaller, unless it has come anew since
 * @returns undefined if there was no step
 */
export function stepWork(now: Counted, before?: Counted): StepWork | undefined {
  const first = before && before.work.steps <= now.work.steps ? before.work : noWork;
  const steps = now.work.steps - first.steps;
  if (steps === 0) return undefined;
  const reading = now.memory ?? noMemory;
  const earlier = before?.memory && before.memory.steps <= reading.steps ? before.memory : noMemory;
  const readSteps = Math.max(1, reading.steps - earlier.steps);
  return {
    ownMs: (now.work.ownMs - first.ownMs) / steps,
    waitMs: (now.work.waitMs - first.waitMs) / steps,
    upBytes: (now.work.upBytes - first.upBytes) / steps,
    downBytes: (now.work.downBytes - first.downBytes) / steps,
    syncs: (now.work.syncs - first.syncs) / steps,
    streamedBytes: (reading.streamedBytes - earlier.streamedBytes) / readSteps,
    readWaitMs: (reading.waitMs - earlier.waitMs) / readSteps,
  };
}
