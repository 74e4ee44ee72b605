/** A clock that nobody waits for: what is due next happens next. What is due at the same time keeps its order. */
export class Events {
  #nowMs = 0;
  #count = 0;
  /** A binary heap by time, then by number. */
  readonly #heap: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  at(timeMs: number, happen: () => void): void {
    const heap = this.#heap;
    let place = heap.length;
    const event = { timeMs: Math.max(timeMs, this.#nowMs), number: this.#count, happen };
    this.#count += 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  /** Until nothing is due any more. */
  run(): void {
    for (let event = this.#next(); event; event = this.#next()) {
      this.#nowMs = event.timeMs;
      event.happen();
    }
  }

  #next(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

interface Event {
  readonly timeMs: number;
  readonly number: number;
  readonly happen: () => void;
}

function isBefore(a: Event, b: Event): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.number < b.number);
}

/** What does one thing at a time, in the order in which it is asked. */
export class Server {
  readonly #events: Events;
  #freeMs = 0;

  constructor(events: Events) {
    this.#events = events;
  }

  /** @returns when the work begins, and when it ends */
  take(ms: number): { readonly startMs: number; readonly endMs: number } {
    const startMs = Math.max(this.#events.nowMs, this.#freeMs);
    this.#freeMs = startMs + ms;
    return { startMs, endMs: this.#freeMs };
  }

  /** Nothing else begins before. */
  holdUntil(timeMs: number): void {
    this.#freeMs = Math.max(this.#freeMs, timeMs);
  }
}
