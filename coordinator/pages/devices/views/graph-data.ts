import { recentWork, type Sample, tokensPerSecond } from '../cluster/history.ts';
import type { StepWork } from '../cluster/step-work.ts';

/** Seconds before now, then one row for each line; null where there is nothing to show. */
export type GraphData = readonly [readonly number[], ...(readonly (number | null)[])[]];

export function rateData(samples: readonly Sample[]): GraphData {
  return [secondsOf(samples), samples.map((_, i) => tokensPerSecond(samples, i) ?? null)];
}

/** @param keys of the devices, one line each */
export function workData(
  samples: readonly Sample[],
  keys: readonly string[],
  figure: (work: StepWork) => number,
): GraphData {
  const rows = keys.map((key) =>
    samples.map((_, i) => {
      const work = recentWork(samples, key, i);
      return work ? figure(work) : null;
    }),
  );
  return [secondsOf(samples), ...rows];
}

function secondsOf(samples: readonly Sample[]): number[] {
  const nowMs = samples.at(-1)?.atMs ?? 0;
  return samples.map(({ atMs }) => (atMs - nowMs) / 1000);
}
