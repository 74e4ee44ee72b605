import type { LivenessOptions } from '../../runtime/protocol/liveness.ts';

/**
 * Between threads of one process. None can be unplugged: silence is a machine that is busy or asleep. Longer than a
 * team waits for one of its threads, so that a thread that has died is named as what it is.
 */
export const localLiveness: LivenessOptions = { pingAfterMs: 5_000, deadAfterMs: 150_000 };
