import type { Clock } from '../../device-agent/clock.ts';

interface Event {
  readonly ms: number;
  /** Of two at the same time the one that was planned first comes first. */
  readonly number: number;
  readonly task: () => void;
}

/** Time in which nothing happens but what was planned, one after another: the same again for the same plans. */
export class SimTime {
  nowMs = 0;
  /** A heap: none comes before its parent, at `(i - 1) >> 1`. */
  readonly #events: Event[] = [];
  #count = 0;

  get events(): number {
    return this.#count;
  }

  after(ms: number, task: () => void): void {
    this.#push({ ms: this.nowMs + ms, number: this.#count, task });
    this.#count += 1;
  }

  /** Resolves after some time. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /**
   * Lets happen what is planned, each with all that promises make of it, until `isOver` or until a time.
   * @returns whether it is over
   */
  async run(isOver: () => boolean, endMs: number): Promise<boolean> {
    for (;;) {
      await promises();
      if (isOver()) return true;
      const next = this.#events[0];
      if (!next || next.ms > endMs) return false;
      this.#pop();
      this.nowMs = next.ms;
      next.task();
    }
  }

  #push(event: Event): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0 && isBefore(event, events[(at - 1) >> 1]!)) {
      events[at] = events[(at - 1) >> 1]!;
      at = (at - 1) >> 1;
    }
    events[at] = event;
  }

  #pop(): void {
    const events = this.#events;
    const last = events.pop()!;
    const { length } = events;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < length && isBefore(events[child + 1]!, events[child]!)) child += 1;
      if (child >= length || !isBefore(events[child]!, last)) break;
      events[at] = events[child]!;
      at = child;
    }
    events[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.ms < other.ms || (one.ms === other.ms && one.number < other.number);
}

/** All that promises have to do is done before the next turn of the event loop. */
function promises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One process in it: may stand still, end, or have its clock set forward. */
export class SimProcess implements Clock {
  readonly #time: SimTime;
  #aheadMs = 0;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  /** What came while it stood still. */
  #waiting: (() => void)[] = [];
  #timers = 0;

  constructor(time: SimTime) {
    this.#time = time;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** That have not been stopped. */
  get timers(): number {
    return this.#timers;
  }

  nowMs(): number {
    return this.#time.nowMs + this.#aheadMs;
  }

  every(periodMs: number, task: () => void): () => void {
    let isOn = true;
    this.#timers += 1;
    const next = (): void => {
      this.#time.after(periodMs, () =>
        this.run(() => {
          if (!isOn) return;
          task();
          if (isOn) next();
        }),
      );
    };
    next();
    return () => {
      if (isOn) this.#timers -= 1;
      isOn = false;
    };
  }

  soon(task: () => void): void {
    this.#time.after(0, () => this.run(task));
  }

  /** Does something now, when it goes on, or never. */
  run(task: () => void): void {
    if (this.#state === 'running') task();
    else if (this.#state === 'frozen') this.#waiting.push(task);
  }

  setForward(ms: number): void {
    this.#aheadMs += ms;
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const task of this.#waiting.splice(0)) this.#time.after(0, () => this.run(task));
  }

  kill(): void {
    this.#state = 'dead';
    this.#waiting = [];
  }
}
