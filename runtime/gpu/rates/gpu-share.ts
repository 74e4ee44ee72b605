/** What the FFN tiles of a layer take of a device, by how many of them its GPU computes. */
export interface TileTimes {
  /** That the device holds. */
  readonly tiles: number;
  /** Of them, that there is room for on the GPU. */
  readonly room: number;
  /** Milliseconds of so many tiles on the processor. */
  readonly processorMs: (tiles: number) => number;
  /** On the GPU, with handing over and getting back. */
  readonly gpuMs: (tiles: number) => number;
}

/** What lending must save: measurements are not that exact. */
export const leastGain = 0.1;

/** Milliseconds with so many tiles lent: both compute at once. */
export function sharedMs({ tiles, processorMs, gpuMs }: TileTimes, lent: number): number {
  return lent === 0 ? processorMs(tiles) : Math.max(processorMs(tiles - lent), gpuMs(lent));
}

/** So many tiles that neither waits long for the other; none where that saves less than a tenth. */
export function tilesToLend(times: TileTimes): number {
  let best = 0;
  let bestMs = sharedMs(times, 0);
  const worthMs = (1 - leastGain) * bestMs;
  for (let lent = 1; lent <= Math.min(times.tiles, times.room); lent += 1) {
    const ms = sharedMs(times, lent);
    if (ms >= bestMs) continue;
    best = lent;
    bestMs = ms;
  }
  return bestMs <= worthMs ? best : 0;
}
