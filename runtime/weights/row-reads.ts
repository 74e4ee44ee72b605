import { WindowClosed } from './window-control.ts';

/** A read that a thread of a rank has asked for. */
export interface RowRead {
  /** Among the rank's tiles. */
  readonly tile: number;
  /** Of the tile's file, and how many. */
  readonly firstBlock: number;
  readonly blocks: number;
  /** Where they go, in blocks. */
  readonly addressBlock: number;
}

/** What a reader has taken, and for whom. */
export interface TakenRead extends RowRead {
  readonly thread: number;
  readonly batch: number;
}

export interface RowReadStatistics {
  /** Records that were asked for, and bytes that were read for them. */
  readonly records: number;
  readonly bytes: number;
  /** Time that the leader of the threads waited for them. */
  readonly waitMs: number;
}

/** Threads of a device that read: with more a disk gives little more, and each takes memory. */
export const rowReaderThreads = 4;

/** Reads of one thread that are under way or wait for a reader, at most. */
const queueLength = 1024;
const entryWords = 5;
/** Batches of one thread at a time, at most. */
export const mostBatches = 8;

/** Words that all share, apart where different threads write them often. */
const word = { events: 0, sleepers: 16, stopped: 17, failed: 18 } as const;
const firstThread = 32;
/** Words of a thread: how many reads it has asked for, how many were taken, what is left of each batch; then its queue. */
const part = { written: 0, taken: 16, left: 32, queue: 48 } as const;
const threadWords = part.queue + queueLength * entryWords;
const statisticsBytes = 32;

/**
 * What a rank's threads and those that read records for them tell each other, in shared memory. Each thread has a queue in
 * which it alone writes; readers take from any. Reads of a batch are awaited together.
 */
export class RowReads {
  readonly #words: Int32Array;
  /** float64 of each thread, see `RowReadStatistics`; a torn look harms nobody. */
  readonly #statistics: Float64Array;
  readonly #threads: number;

  static byteLength(teamSize: number): number {
    return teamSize * statisticsBytes + (firstThread + teamSize * threadWords) * 4;
  }

  constructor(memory: SharedArrayBuffer, teamSize: number) {
    this.#threads = teamSize;
    this.#statistics = new Float64Array(memory, 0, (teamSize * statisticsBytes) / 8);
    this.#words = new Int32Array(memory, teamSize * statisticsBytes);
  }

  /** Asks for reads, which are a batch of this thread's that nobody waits for. @throws WindowClosed */
  ask(thread: number, batch: number, reads: readonly RowRead[]): void {
    const words = this.#words;
    const base = firstThread + thread * threadWords;
    Atomics.store(words, base + part.left + batch, reads.length);
    for (const { tile, firstBlock, blocks, addressBlock } of reads) {
      const written = Atomics.load(words, base + part.written);
      while (written - Atomics.load(words, base + part.taken) >= queueLength) {
        this.#checkOpen();
        this.#wakeReaders();
        Atomics.wait(words, base + part.taken, written - queueLength, 10);
      }
      const entry = base + part.queue + (written % queueLength) * entryWords;
      words.set([tile, firstBlock, blocks, addressBlock, batch], entry);
      Atomics.store(words, base + part.written, written + 1);
    }
    this.#wakeReaders();
  }

  /** Returns when all reads of a batch are in memory. @throws WindowClosed */
  await(thread: number, batch: number): void {
    const at = firstThread + thread * threadWords + part.left + batch;
    for (;;) {
      const left = Atomics.load(this.#words, at);
      if (left === 0) return;
      this.#checkOpen();
      Atomics.wait(this.#words, at, left, 1000);
    }
  }

  /** Whether that would return at once. */
  isHere(thread: number, batch: number): boolean {
    return Atomics.load(this.#words, firstThread + thread * threadWords + part.left + batch) === 0;
  }

  /** The next read that no reader has, looking from one thread on. */
  take(from: number): TakenRead | undefined {
    for (let i = 0; i < this.#threads; i += 1) {
      const taken = this.#takeOf((from + i) % this.#threads);
      if (taken) return taken;
    }
    return undefined;
  }

  #takeOf(thread: number): TakenRead | undefined {
    const words = this.#words;
    const base = firstThread + thread * threadWords;
    for (;;) {
      const taken = Atomics.load(words, base + part.taken);
      if (taken === Atomics.load(words, base + part.written)) return undefined;
      const at = base + part.queue + (taken % queueLength) * entryWords;
      const [tile, firstBlock, blocks, addressBlock, batch] = words.subarray(at, at + entryWords);
      // What was looked at is this read only if nobody has taken it: then its place was not used again.
      if (Atomics.compareExchange(words, base + part.taken, taken, taken + 1) !== taken) continue;
      const read = { tile: tile!, firstBlock: firstBlock!, blocks: blocks!, addressBlock: addressBlock! };
      return { ...read, thread, batch: batch! };
    }
  }

  /** A read is in memory. */
  done({ thread, batch }: TakenRead): void {
    const at = firstThread + thread * threadWords + part.left + batch;
    if (Atomics.sub(this.#words, at, 1) === 1) Atomics.notify(this.#words, at);
  }

  /** A reader looks at this before it looks whether there is something to do: see `sleep`. */
  get events(): number {
    return Atomics.load(this.#words, word.events);
  }

  /** A reader sleeps until something happens that had not when it saw so many events. */
  sleep(seen: number): void {
    Atomics.add(this.#words, word.sleepers, 1);
    Atomics.wait(this.#words, word.events, seen);
    Atomics.sub(this.#words, word.sleepers, 1);
  }

  /** Readers that have nothing to do. */
  get sleepers(): number {
    return Atomics.load(this.#words, word.sleepers);
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, word.stopped) > 0;
  }

  stop(): void {
    this.#end(word.stopped);
  }

  /** Readers cannot go on: whoever waits for them hears of it. */
  fail(): void {
    this.#end(word.failed);
  }

  count(thread: number, records: number, bytes: number): void {
    this.#statistics[thread * 4]! += records;
    this.#statistics[thread * 4 + 1]! += bytes;
  }

  countWait(thread: number, milliseconds: number): void {
    this.#statistics[thread * 4 + 2]! += milliseconds;
  }

  get statistics(): RowReadStatistics {
    const sum = (which: number) =>
      this.#statistics.reduce((total, value, i) => (i % 4 === which ? total + value : total), 0);
    return { records: sum(0), bytes: sum(1), waitMs: this.#statistics[2]! };
  }

  #wakeReaders(): void {
    Atomics.add(this.#words, word.events, 1);
    if (Atomics.load(this.#words, word.sleepers)) Atomics.notify(this.#words, word.events);
  }

  #checkOpen(): void {
    const words = this.#words;
    if (Atomics.load(words, word.failed) || Atomics.load(words, word.stopped)) throw new WindowClosed();
  }

  #end(which: number): void {
    Atomics.store(this.#words, which, 1);
    Atomics.add(this.#words, word.events, 1);
    for (let i = 0; i < this.#words.length; i += 1) Atomics.notify(this.#words, i);
  }
}
