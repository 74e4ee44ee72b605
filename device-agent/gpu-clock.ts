import type { GpuClock } from '../runtime/gpu/readback.ts';
import { systemClock } from './clock.ts';

/** The time of this process or page. */
export const gpuClock: GpuClock = {
  nowMs: () => systemClock.nowMs(),
  wait: (milliseconds) =>
    new Promise((resolve) => {
      if (milliseconds > 0) setTimeout(resolve, milliseconds);
      else systemClock.soon(resolve);
    }),
};
