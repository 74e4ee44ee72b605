import { type Events, Server } from './events.ts';

/** A device's processor, and the disk that it reads weights from, ahead of their use. */
export class Processor {
  readonly #events: Events;
  readonly #server: Server;
  readonly #stretch: () => number;
  #readMs = 0;

  /** @param stretch what computing takes, of what it was planned to */
  constructor(events: Events, stretch: () => number) {
    this.#events = events;
    this.#server = new Server(events);
    this.#stretch = stretch;
  }

  /** Reading ahead for what follows begins no sooner. */
  readFrom(timeMs: number): void {
    this.#readMs = Math.max(this.#readMs, timeMs);
  }

  compute(ms: number, readMs: number, done: () => void): void {
    this.#readMs += readMs;
    const { endMs } = this.#server.take(ms * this.#stretch());
    const readyMs = readMs > 0 ? Math.max(endMs, this.#readMs) : endMs;
    this.#server.holdUntil(readyMs);
    this.#events.at(readyMs, done);
  }
}
