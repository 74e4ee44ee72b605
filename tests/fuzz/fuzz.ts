import { getHeapStatistics } from 'node:v8';
import { collectGarbage } from '../../device-agent/node/collect-garbage.ts';
import { Random } from '../support/random.ts';
import { maxInputBytes } from './mutate-bytes.ts';
import { isRefusal } from './outcome.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** After which it ends, of `performance.now`. */
  readonly endMs?: number;
  /** Told of each input before it is read. */
  readonly onCase?: (input: Uint8Array) => void;
  readonly onFailure?: (failure: Failure) => void;
}

/** What an input must not do. */
export interface Failure {
  readonly kind: 'crash' | 'slow' | 'memory' | 'growth';
  readonly input: Uint8Array;
  readonly problem: string;
}

export interface FuzzReport {
  readonly cases: number;
  readonly ms: number;
  readonly slowestMs: number;
  /** Most that one input had allocated. */
  readonly largestBytes: number;
  /** By which what is alive had grown from the first tenth to the end. */
  readonly grownBytes: number;
  /** How many inputs came to which end. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

export const slowMs = 1_000;
/** Beyond anything that an input of 64 kB may ask for. */
const mostBytes = 192 << 20;
const mostGrowthBytes = 24 << 20;
/** Ends that are told apart; an input of each is changed further. */
const mostOutcomes = 4_096;

/** Changes a target's seeds, and what came of them, again and again; the same for the same seed. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(target, options);
  const { cases, endMs = Number.POSITIVE_INFINITY } = options;
  const startMs = performance.now();
  let done = 0;
  for (; done < cases && performance.now() < endMs; done += 1) {
    if (done === Math.floor(cases / 10)) run.noteAlive();
    const step = run.next();
    if (step) await step;
  }
  run.checkGrowth();
  return { ...run.report(), cases: done, ms: performance.now() - startMs };
}

class FuzzRun {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #pool: Uint8Array[];
  readonly #outcomes = new Map<string, number>();
  readonly #failures = new Map<string, Failure>();
  #slowestMs = 0;
  #largestBytes = 0;
  #poolBytes = 0;
  #aliveBytes: number | undefined;
  #grownBytes = 0;

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#pool = [...target.seeds];
  }

  report(): Omit<FuzzReport, 'cases' | 'ms'> {
    return {
      slowestMs: this.#slowestMs,
      largestBytes: this.#largestBytes,
      grownBytes: this.#grownBytes,
      outcomes: this.#outcomes,
      failures: [...this.#failures.values()],
    };
  }

  next(): Promise<void> | undefined {
    const input = this.#target.mutate(this.#drawn(), this.#random, this.#drawn()).subarray(0, maxInputBytes);
    this.#options.onCase?.(input);
    return this.#try(input);
  }

  /** What is alive now and should be all there is. */
  noteAlive(): void {
    this.#aliveBytes = this.#alive();
  }

  checkGrowth(): void {
    if (this.#aliveBytes === undefined) return;
    this.#grownBytes = this.#alive() - this.#aliveBytes;
    if (this.#grownBytes > mostGrowthBytes)
      this.#fail(
        'growth',
        new Uint8Array(),
        `${this.#grownBytes} bytes more are alive than after a tenth of the cases`,
      );
  }

  /** But for what this run keeps itself. */
  #alive(): number {
    collectGarbage();
    return allocatedBytes() - this.#poolBytes;
  }

  /** Seeds, and what has ended in new ways, the latest more often. */
  #drawn(): Uint8Array {
    const { length } = this.#pool;
    const at = this.#random.integer(2)
      ? this.#random.integer(length)
      : length - 1 - this.#random.integer(Math.min(length, 64));
    return this.#pool[at]!;
  }

  #try(input: Uint8Array): Promise<void> | undefined {
    const beforeBytes = allocatedBytes();
    const startMs = performance.now();
    const ended = (outcome: string): Promise<void> | undefined => {
      const ms = performance.now() - startMs;
      const bytes = allocatedBytes() - beforeBytes;
      this.#largestBytes = Math.max(this.#largestBytes, bytes);
      if (bytes > mostBytes) this.#fail('memory', input, `it allocated ${bytes} bytes`);
      this.#note(outcome, input);
      if (ms > slowMs) return this.#timeAgain(input);
      this.#slowestMs = Math.max(this.#slowestMs, ms);
      return undefined;
    };
    try {
      const outcome = this.#target.read(input);
      if (typeof outcome === 'string') return ended(outcome);
      return outcome.then(ended, (error) => ended(this.#judge(error, input)));
    } catch (error) {
      return ended(this.#judge(error, input));
    }
  }

  /** Others use the machine too: slow is what takes a processor as long when it is read again. */
  async #timeAgain(input: Uint8Array): Promise<void> {
    const before = process.cpuUsage();
    try {
      await this.#target.read(input);
    } catch {
      // It failed as it did before.
    }
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000;
    this.#slowestMs = Math.max(this.#slowestMs, ms);
    if (ms > slowMs) this.#fail('slow', input, `it took ${Math.round(ms)} ms`);
  }

  #judge(error: unknown, input: Uint8Array): string {
    if (isRefusal(error))
      // What an input puts into a message makes no other end of it.
      return `${error.code}: ${error.message.replace(/"[^"]*"|'[^']*'|\d+/g, '_').slice(0, 60)}`;
    const stack = (error as Error)?.stack ?? String(error);
    const cause = (error as Error)?.cause;
    this.#fail('crash', input, cause instanceof Error ? `${stack}\ncaused by ${cause.stack}` : stack);
    return 'CRASH';
  }

  #note(outcome: string, input: Uint8Array): void {
    const count = this.#outcomes.get(outcome) ?? 0;
    if (count === 0 && this.#outcomes.size >= mostOutcomes) return;
    this.#outcomes.set(outcome, count + 1);
    if (count > 0) return;
    this.#pool.push(input.slice());
    this.#poolBytes += input.length;
  }

  #fail(kind: Failure['kind'], input: Uint8Array, problem: string): void {
    // One of each: where it was thrown.
    const key = kind + problem.split('\n').slice(0, 3).join().replace(/\d+/g, '_').slice(0, 300);
    if (this.#failures.has(key) || this.#failures.size >= 20) return;
    const failure = { kind, input, problem };
    this.#failures.set(key, failure);
    this.#options.onFailure?.(failure);
  }
}

/** Takes a microsecond, and counts what buffers hold as well. */
function allocatedBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
