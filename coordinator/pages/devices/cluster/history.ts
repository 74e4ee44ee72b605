import type { KeyedDevice } from './keyed-devices.ts';
import { type StepWork, stepWork } from './step-work.ts';

/** The cluster at one moment. */
export interface Sample {
  /** Of the coordinator's clock. */
  readonly atMs: number;
  /** Of all answers so far. */
  readonly answerTokens: number;
  readonly devices: readonly KeyedDevice[];
}

export const historyMs = 300_000;
/** Over which a rate is told: a second alone may hold no whole step. */
const windowMs = 5000;

/** @returns all samples with one more, without those that are too old; a clock that went back is another coordinator's */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && sample.atMs <= last.atMs) return [sample];
  return [...samples.filter(({ atMs }) => sample.atMs - atMs <= historyMs), sample];
}

/** The sample to compare the one at `index` with: a window before it, or the oldest. */
function before(samples: readonly Sample[], index: number): Sample {
  const { atMs } = samples[index]!;
  let i = index;
  while (i > 0 && atMs - samples[i]!.atMs < windowMs) i -= 1;
  return samples[i]!;
}

/** @returns undefined until there are two samples */
export function tokensPerSecond(samples: readonly Sample[], index = samples.length - 1): number | undefined {
  const now = samples[index];
  if (!now || index === 0) return undefined;
  const then = before(samples, index);
  return (1000 * (now.answerTokens - then.answerTokens)) / (now.atMs - then.atMs);
}

/** @returns what a step of the last seconds took of a device; undefined if there was none */
export function recentWork(
  samples: readonly Sample[],
  key: string,
  index = samples.length - 1,
): StepWork | undefined {
  if (index < 1) return undefined;
  const now = deviceAt(samples[index]!, key);
  const then = deviceAt(before(samples, index), key);
  return now && then && stepWork(now, then);
}

function deviceAt({ devices }: Sample, key: string): KeyedDevice | undefined {
  return devices.find((device) => device.key === key);
}
