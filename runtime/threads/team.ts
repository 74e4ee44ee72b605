import { HearthError } from '../error.ts';
import { type Operation, operations } from '../profile/operations.ts';
import { type Recorder, silentRecorder } from '../profile/recorder.ts';

/**
 * Threads that compute one rank over the same memory. All run the same code and meet at barriers; index 0 leads: it
 * alone talks to the outside.
 */
export interface Team {
  readonly index: number;
  readonly size: number;
  /** Where this thread notes how it spends its time. */
  readonly recorder: Recorder;
  /**
   * Returns when all threads have come here. What each wrote before, all see after.
   * @param waitingFor what the wait is charged to: by default to the barrier
   */
  barrier(waitingFor?: Operation): void;
  /** The leader calls the others to a step. */
  start(): void;
  /** Returns when the others have left the step. */
  rest(): void;
  /** The leader has given up a step that the others may still be in; returns when they have left it. */
  abort(): void;
}

/** One thread by itself. */
export const alone: Team = {
  index: 0,
  size: 1,
  recorder: silentRecorder,
  barrier() {},
  start() {},
  rest() {},
  abort() {},
};

/** This thread's part, [first, end), of so many things that are divided evenly and in order. */
export function shareOf(
  team: Pick<Team, 'index' | 'size'>,
  count: number,
): readonly [first: number, end: number] {
  return [Math.floor((team.index * count) / team.size), Math.floor(((team.index + 1) * count) / team.size)];
}

/** Thrown through a follower's step when the leader has given it up. */
export class StepAborted extends Error {}

/** Words of the control block, a cache line apart: a thread that spins on one is not disturbed by another. */
const word = {
  arrived: 0,
  generation: 16,
  step: 32,
  idle: 48,
  aborted: 64,
  parked: 80,
  stopped: 96,
  failed: 112,
};

/** Bytes that a team shares beside the memory it computes in. */
export const controlBytes = 512;

/** Polls before a waiting thread sleeps: about 0.2 ms, longer than any wait inside a step that is not for others. */
const spinPolls = 40_000;
/** A thread that does not come for so long has died. */
const lostThreadMs = 120_000;

/**
 * A team over a SharedArrayBuffer. Waiting threads spin, since waking a sleeping one takes longer than most phases of
 * a step; after a while they sleep, and only then does anybody pay for a notification.
 */
export class SharedTeam implements Team {
  readonly index: number;
  readonly size: number;
  readonly recorder: Recorder;
  /** What its threads share: each makes its own SharedTeam of it. */
  readonly control: SharedArrayBuffer;
  readonly #control: Int32Array;

  constructor(control: SharedArrayBuffer, index: number, size: number, recorder = silentRecorder) {
    this.control = control;
    this.#control = new Int32Array(control);
    this.index = index;
    this.size = size;
    this.recorder = recorder;
  }

  barrier(waitingFor: Operation = operations.barrier): void {
    const control = this.#control;
    const generation = Atomics.load(control, word.generation);
    // In this order: a step that is given up from here on also ends the wait for this generation.
    this.#checkAborted();
    if (Atomics.add(control, word.arrived, 1) === this.size - 1) {
      Atomics.store(control, word.arrived, 0);
      this.#advance(word.generation);
    } else {
      this.#wait(word.generation, generation);
    }
    this.#checkAborted();
    this.recorder.mark(waitingFor);
  }

  start(): void {
    this.rest();
    Atomics.store(this.#control, word.idle, 0);
    this.#advance(word.step);
  }

  rest(): void {
    const control = this.#control;
    for (;;) {
      const idle = Atomics.load(control, word.idle);
      if (idle === this.size - 1) return;
      if (Atomics.load(control, word.failed)) throw lost();
      if (Atomics.wait(control, word.idle, idle, lostThreadMs) === 'timed-out') throw lost();
    }
  }

  abort(): void {
    const control = this.#control;
    Atomics.store(control, word.aborted, 1);
    this.#advance(word.generation);
    this.rest();
    Atomics.store(control, word.arrived, 0);
    Atomics.store(control, word.aborted, 0);
  }

  /**
   * A follower's life: one call of `step` for each that the leader starts, until the team is stopped.
   * @param step returns or throws StepAborted
   */
  follow(step: () => void): void {
    const control = this.#control;
    let seen = 0;
    for (;;) {
      Atomics.add(control, word.idle, 1);
      Atomics.notify(control, word.idle);
      this.#wait(word.step, seen, Number.POSITIVE_INFINITY);
      if (this.stopped) return;
      seen = Atomics.load(control, word.step);
      this.recorder.mark(operations.idle);
      try {
        step();
      } catch (error) {
        if (error instanceof StepAborted) continue;
        throw error;
      }
    }
  }

  /** A follower says that it cannot go on: the leader's next wait ends with an error. */
  fail(): void {
    Atomics.store(this.#control, word.failed, 1);
    this.#advance(word.generation);
    Atomics.notify(this.#control, word.idle);
  }

  get stopped(): boolean {
    return Atomics.load(this.#control, word.stopped) > 0;
  }

  /** Ends the followers. */
  stop(): void {
    Atomics.store(this.#control, word.stopped, 1);
    this.#advance(word.step);
  }

  #advance(which: number): void {
    Atomics.add(this.#control, which, 1);
    if (Atomics.load(this.#control, word.parked) > 0) Atomics.notify(this.#control, which);
  }

  /** Returns when the word is no longer `old`. */
  #wait(which: number, old: number, limitMs = lostThreadMs): void {
    const control = this.#control;
    for (let poll = 0; poll < spinPolls; poll += 1) if (Atomics.load(control, which) !== old) return;
    Atomics.add(control, word.parked, 1);
    // Counted as parked before the word is looked at again: whoever changes it either is seen here or sees us. A late
    // notification of the change before also ends a wait: only the word tells whether it was for us.
    let result = Atomics.wait(control, which, old, limitMs);
    while (result === 'ok' && Atomics.load(control, which) === old)
      result = Atomics.wait(control, which, old, limitMs);
    Atomics.sub(control, word.parked, 1);
    if (result === 'timed-out') throw lost();
  }

  #checkAborted(): void {
    if (Atomics.load(this.#control, word.failed)) throw lost();
    if (this.index > 0 && Atomics.load(this.#control, word.aborted)) throw new StepAborted();
  }
}

function lost(): HearthError {
  return new HearthError('THREAD_LOST', 'a compute thread of this device has died: start the device again');
}
