import { readFileSync } from 'node:fs';

/** What a process took of memory at a time, in bytes. */
export interface MemorySample {
  /** Since 1970. */
  readonly ms: number;
  readonly rss: number;
  /** Live objects and what they hold outside of V8's heap. */
  readonly heap: number;
}

/** How a quantity went over the second half of a time. */
export interface Trend {
  readonly median: number;
  readonly perHour: number;
  readonly isFlat: boolean;
}

/** Part of a quantity by which it may seem to grow over the second half. */
const mostGrowth = 0.03;

/**
 * The second half's trend.
 * @param times ascending, in ms
 * @param noiseBytes by which it may grow anyway
 */
export function trendOf(times: readonly number[], values: readonly number[], noiseBytes: number): Trend {
  const from = Math.floor(times.length / 2);
  const [ms, half] = [times.slice(from), values.slice(from)];
  const median = middle(half);
  const slope = slopeOf(ms, half);
  const growth = slope * ((ms.at(-1) ?? 0) - (ms[0] ?? 0));
  const isFlat = half.length >= 3 && growth <= Math.max(mostGrowth * median, noiseBytes);
  return { median, perHour: slope * 3.6e6, isFlat };
}

/** The median of the slopes between all pairs (Theil–Sen): single peaks do not move it. */
function slopeOf(times: readonly number[], values: readonly number[]): number {
  const slopes = times.flatMap((later, i) =>
    times.slice(0, i).map((earlier, j) => (values[i]! - values[j]!) / Math.max(1, later - earlier)),
  );
  return middle(slopes);
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function readSamples(path: string): MemorySample[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as MemorySample);
}
