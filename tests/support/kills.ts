import { setTimeout as sleep } from 'node:timers/promises';
import type { HearthProcess } from './hearth-process.ts';
import type { House } from './house.ts';
import type { Random } from './random.ts';

/** How often processes are killed, over the tests that do (CONTRIBUTING.md). */
const killCount = Number(process.env.HEARTH_TEST_KILLS ?? 100);
/** A coordinator's takes longer: agents wait before they come back, and in the middle of an answer it must be loaded. */
export const kills = {
  agents: Math.ceil(killCount * 0.64),
  coordinators: Math.floor(killCount * 0.3),
  answers: Math.ceil(killCount * 0.06),
};

/** More than a session sends beside the content of tiles until its device is ready, and less than any tile. */
export const controlBytes = 8192;

/** Slow enough that a kill comes between two tiles. */
export const killBytesPerSecond = 10e6;

/**
 * Waits for a moment of a transfer that nobody chose: when a part of what is missing has come, or when the agent says
 * that it is ready.
 */
export async function anyMoment(
  { link }: House,
  agent: HearthProcess,
  ready: RegExp,
  missingBytes: number,
  random: Random,
): Promise<void> {
  // Not much more than a third, so that there is something left to be killed in.
  const bytes = link.deliveredBytes + random.integer(missingBytes / 3 + 2 * controlBytes);
  const stop = new AbortController();
  try {
    await Promise.race([link.delivered(bytes, stop.signal), agent.says(ready)]);
  } finally {
    stop.abort();
  }
  await sleep(random.integer(8));
}
