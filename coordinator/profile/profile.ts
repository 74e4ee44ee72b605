import { operations, operationsByNumber } from '../../runtime/profile/operations.ts';
import type { Spans } from '../../runtime/profile/recorder.ts';
import { type Part, type StepRecord, spansMs } from './step-record.ts';

/** Where the time of one thread went, summed over steps. */
export interface ThreadTotal {
  readonly name: string;
  /** Of the device; undefined for the coordinator. */
  readonly rank: number | undefined;
  readonly thread: number;
  /** Microseconds, by the operations' numbers; they add up to the part's. */
  readonly us: Float64Array;
  /** Marks that found no room. */
  lost: number;
}

/** All steps of one part. */
export interface PartProfile {
  readonly part: Part;
  steps: number;
  tokens: number;
  /** Milliseconds from the beginning of the first step to the end of the last, with those between. */
  wallMs: number;
  /** The coordinator's thread, then those of the devices. */
  readonly threads: ThreadTotal[];
  /** The last steps, for a closer look. */
  readonly lastSteps: StepRecord[];
}

/** Spans of all threads that are kept of each part: about 10 MB of trace. */
const maxKeptSpans = 100_000;

/** Adds up steps. What is kept of them is bounded, whatever their number. */
export class Profile {
  readonly #parts = new Map<Part, PartProfile>();
  readonly #maxKeptSpans: number;

  constructor(keptSpans = maxKeptSpans) {
    this.#maxKeptSpans = keptSpans;
  }

  /** In the order in which they came. */
  get parts(): readonly PartProfile[] {
    return [...this.#parts.values()];
  }

  readonly add = (step: StepRecord): void => {
    const profile = this.#part(step.part);
    const wallMs = step.endMs - step.startMs;
    profile.steps += 1;
    profile.tokens += step.tokens;
    profile.wallMs += wallMs;
    charge(totalOf(profile, 'coordinator', undefined, 0), step.coordinator, wallMs, wallMs, wallMs);
    for (const [rank, { name, sentMs, answeredMs, threads }] of step.devices.entries()) {
      const deviceMs = spansMs(threads[0]!);
      for (const [thread, spans] of threads.entries())
        charge(totalOf(profile, name, rank, thread), spans, wallMs, answeredMs - sentMs, deviceMs);
    }
    this.#keep(profile, step);
  };

  #part(part: Part): PartProfile {
    let profile = this.#parts.get(part);
    if (!profile) {
      profile = { part, steps: 0, tokens: 0, wallMs: 0, threads: [], lastSteps: [] };
      this.#parts.set(part, profile);
    }
    return profile;
  }

  #keep({ lastSteps }: PartProfile, step: StepRecord): void {
    lastSteps.push(step);
    let kept = lastSteps.reduce((sum, one) => sum + spanCount(one), 0);
    while (kept > this.#maxKeptSpans && lastSteps.length > 1) kept -= spanCount(lastSteps.shift()!);
  }
}

function totalOf(
  { threads }: PartProfile,
  name: string,
  rank: number | undefined,
  thread: number,
): ThreadTotal {
  let total = threads.find((one) => one.name === name && one.rank === rank && one.thread === thread);
  if (!total) {
    total = { name, rank, thread, us: new Float64Array(operationsByNumber.length), lost: 0 };
    threads.push(total);
  }
  return total;
}

/**
 * Charges all of a step's time to a thread: its spans, the way to its device and back, the time in which the device
 * had no step, and what is left, which belongs to nothing.
 * @param turnMs from when the device was sent the step until its answer was here
 * @param deviceMs of it, on the device
 */
function charge(total: ThreadTotal, spans: Spans, wallMs: number, turnMs: number, deviceMs: number): void {
  const { us } = total;
  spans.operations.forEach((number, i) => {
    us[number]! += spans.durationsUs[i]!;
  });
  us[operations.link.number]! += (turnMs - deviceMs) * 1000;
  us[operations.between.number]! += (wallMs - turnMs) * 1000;
  us[operations.unaccounted.number]! += (deviceMs - spansMs(spans)) * 1000;
  total.lost += spans.lost;
}

function spanCount({ coordinator, devices }: StepRecord): number {
  const threads = [coordinator, ...devices.flatMap((device) => device.threads)];
  return threads.reduce((sum, { operations: numbers }) => sum + numbers.length, 0);
}
