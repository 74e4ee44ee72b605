import { formatBytes } from './output.ts';

/** Over which the rate is taken: long enough not to flicker, short enough to follow. */
const windowMs = 5000;

/** How fast something goes and how long it will take, from how far it was at some times. */
export class TransferRate {
  readonly #nowMs: () => number;
  readonly #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @returns such as `12.3 MB/s, 2 min 5 s left`; empty while there is nothing to tell */
  describe(doneBytes: number, bytes: number): string {
    const atMs = this.#nowMs();
    this.#samples.push({ atMs, doneBytes });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs < atMs - windowMs) this.#samples.shift();
    const first = this.#samples[0]!;
    const rate = (1000 * (doneBytes - first.doneBytes)) / (atMs - first.atMs);
    if (!(rate > 0) || !Number.isFinite(rate)) return '';
    const speed = `${formatBytes(Math.round(rate))}/s`;
    return doneBytes < bytes ? `${speed}, ${formatDuration((bytes - doneBytes) / rate)} left` : speed;
  }
}

/** In its two largest units: `3 h 5 min`, `2 min 5 s`, `40 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
