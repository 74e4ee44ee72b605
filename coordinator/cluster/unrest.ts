/** Upsets are forgotten after so long. */
export const forgetMs = 10 * 60_000;
/** So many of them are nothing to speak of. */
const tolerated = 2;
const firstHoldMs = 15_000;
const longestHoldMs = 10 * 60_000;

/**
 * How often a device has left or slowed down lately, and how long it is to be held off for that: from the third time on,
 * each time for twice as long. Pure; times in ms of any monotonic clock.
 */
export class Unrest {
  #upsetsMs: number[] = [];

  note(nowMs: number): void {
    this.#upsetsMs = [...this.#recent(nowMs), nowMs];
  }

  count(nowMs: number): number {
    return this.#recent(nowMs).length;
  }

  holdMs(nowMs: number): number {
    const beyond = this.count(nowMs) - tolerated;
    return beyond <= 0 ? 0 : Math.min(longestHoldMs, firstHoldMs * 2 ** (beyond - 1));
  }

  #recent(nowMs: number): number[] {
    return this.#upsetsMs.filter((atMs) => nowMs - atMs < forgetMs);
  }
}
