import { type Operation, operations } from './operations.ts';

/** Where a thread notes what it has just done. */
export interface Recorder {
  /** Charges the time since the last mark to an operation. */
  mark(operation: Operation): void;
}

/** Of a thread that nobody profiles. */
export const silentRecorder: Recorder = { mark() {} };

/** One thread's time in one step, without a gap: each span begins where the one before ended. */
export interface Spans {
  /** Numbers of the operations, uint8 [spans]. */
  readonly operations: Uint8Array;
  /** Microseconds, float32 [spans]. */
  readonly durationsUs: Float32Array;
  /** Marks that found no room; their time is charged to `unaccounted`. */
  readonly lost: number;
}

/** Spans of one thread in one step: several times what a decoded token of the largest models takes. */
export const maxSpans = 1 << 17;

const headerBytes = 16;
const spanBytes = 9;

/** Bytes of a log of so many spans. */
export function spanMemoryBytes(spans = maxSpans): number {
  return headerBytes + spans * spanBytes;
}

/**
 * The marks of one thread in one step: operations, and when they ended. The memory may be shared, and needs no lock:
 * the thread marks during a step, the leader of its team begins and takes between steps.
 */
export class SpanLog implements Recorder {
  readonly #nowMs: () => number;
  readonly #capacity: number;
  /** int32: marks, and marks without room. */
  readonly #counts: Int32Array;
  /** When the first span began, then when each ended. */
  readonly #timesMs: Float64Array;
  readonly #operations: Uint8Array;

  /**
   * @param memory of `spanMemoryBytes`
   * @param nowMs a clock on which all who use this memory agree
   */
  constructor(memory: ArrayBufferLike, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#capacity = Math.floor((memory.byteLength - headerBytes) / spanBytes);
    this.#counts = new Int32Array(memory, 0, 2);
    this.#timesMs = new Float64Array(memory, 8, 1 + this.#capacity);
    this.#operations = new Uint8Array(memory, headerBytes + 8 * this.#capacity, this.#capacity);
  }

  /** When the last span ended. */
  get endMs(): number {
    return this.#timesMs[this.#counts[0]!]!;
  }

  /** Forgets what was taken; the first span begins at this time. */
  begin(startMs: number): void {
    this.#counts.fill(0);
    this.#timesMs[0] = startMs;
  }

  mark(operation: Operation): void {
    this.#add(operation, this.#nowMs());
  }

  /** Fills the time up to a common end with an operation; what lasted longer is cut off there. */
  close(operation: Operation, endMs: number): void {
    const times = this.#timesMs;
    for (let span = this.#counts[0]!; times[span]! > endMs && span > 0; span -= 1) times[span] = endMs;
    if (this.endMs < endMs) this.#add(operation, endMs);
  }

  /** A copy of what was marked since `begin`. */
  take(): Spans {
    const [count, lost] = this.#counts;
    const times = this.#timesMs;
    // Clocks of threads may differ by less than they can tell: no span is shorter than nothing.
    const durationsUs = new Float32Array(count!);
    for (let i = 0; i < count!; i += 1) durationsUs[i] = Math.max(0, (times[i + 1]! - times[i]!) * 1000);
    return { operations: this.#operations.slice(0, count), durationsUs, lost: lost! };
  }

  #add(operation: Operation, endMs: number): void {
    const span = this.#counts[0]!;
    if (span < this.#capacity) {
      this.#operations[span] = operation.number;
      this.#timesMs[span + 1] = endMs;
      this.#counts[0] = span + 1;
      return;
    }
    this.#counts[1]! += 1;
    this.#operations[span - 1] = operations.unaccounted.number;
    this.#timesMs[span] = endMs;
  }
}
