import { HearthError } from '../../runtime/error.ts';

export interface RateLimitOptions {
  /** How many may come at once. */
  readonly burst: number;
  /** And how many a second after that. */
  readonly perSecond: number;
  readonly nowMs?: () => number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Of so many it is remembered how often they came; who comes back after more than that begins anew. */
const maxRemembered = 4096;

/** How often each may come: a token bucket for every name. */
export class RateLimit {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #nowMs: () => number;
  /** The one that came last is the last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor({ burst, perSecond, nowMs = () => performance.now() }: RateLimitOptions) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#nowMs = nowMs;
  }

  /** @throws HearthError RATE_LIMITED unless this one may come once more */
  check(name: string): void {
    const { tokens } = this.#bucketOf(name);
    if (tokens >= 1) return;
    const retryAfterSeconds = Math.ceil((1 - tokens) / this.#perMs / 1000);
    throw new HearthError('RATE_LIMITED', `too many requests: try again in ${retryAfterSeconds} s`, {
      retryAfterSeconds,
    });
  }

  /** Counts that this one came. */
  count(name: string): void {
    this.#bucketOf(name).tokens -= 1;
  }

  /** @throws HearthError RATE_LIMITED */
  take(name: string): void {
    this.check(name);
    this.count(name);
  }

  #bucketOf(name: string): Bucket {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(name) ?? { tokens: this.#burst, filledAtMs: nowMs };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (nowMs - bucket.filledAtMs) * this.#perMs);
    bucket.filledAtMs = nowMs;
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > maxRemembered) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}
