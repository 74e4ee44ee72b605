/** When to ask whether a peer is still there, and when to give it up. */
export interface LivenessOptions {
  /** Silence after which a ping is sent. */
  readonly pingAfterMs: number;
  /** Silence after which the peer counts as gone; several times `pingAfterMs`. */
  readonly deadAfterMs: number;
}

export const defaultLiveness: LivenessOptions = { pingAfterMs: 2_500, deadAfterMs: 10_000 };

/** Judges a peer by its silence: any frame is a sign of life. Pure; times in ms of any monotonic clock. */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardMs: number;
  #pingedMs: number;
  #askedMs: number;

  constructor(options: LivenessOptions, nowMs: number) {
    this.#options = options;
    this.#heardMs = nowMs;
    this.#pingedMs = nowMs;
    this.#askedMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /**
   * To be asked now and then, more often than `pingAfterMs`. Who asks later has slept or was held up, and what has come
   * meanwhile is not read yet: that was no silence of the peer.
   */
  verdict(nowMs: number): 'alive' | 'ping' | 'dead' {
    if (nowMs - this.#askedMs > this.#options.pingAfterMs) this.heard(nowMs);
    this.#askedMs = nowMs;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= this.#options.deadAfterMs) return 'dead';
    const sinceAskedMs = nowMs - Math.max(this.#heardMs, this.#pingedMs);
    if (sinceAskedMs < this.#options.pingAfterMs) return 'alive';
    this.#pingedMs = nowMs;
    return 'ping';
  }
}
