import { assert } from '../../runtime/error.ts';

/**
 * Values from whoever produces them to one reader, in order. It does not bound itself: the producer does (an answer
 * has at most its token limit of events).
 */
export class Channel<T> implements AsyncIterableIterator<T, void, undefined> {
  private readonly values: T[] = [];
  private end: { readonly error?: unknown } | undefined;
  private wake: (() => void) | undefined;
  private readonly onAbandoned: () => void;

  /** @param onAbandoned called when the reader leaves before the end */
  constructor(onAbandoned: () => void = () => {}) {
    this.onAbandoned = onAbandoned;
  }

  /** After the end, values go nowhere. */
  push(value: T): void {
    if (this.end) return;
    this.values.push(value);
    this.wake?.();
  }

  /** The reader gets what is there, then the end. */
  close(): void {
    this.end ??= {};
    this.wake?.();
  }

  /** The reader gets what is there, then the error. */
  fail(error: unknown): void {
    this.end ??= { error };
    this.wake?.();
  }

  async next(): Promise<IteratorResult<T, void>> {
    assert(this.wake === undefined, 'a channel has one reader, which waits for each value');
    while (this.values.length === 0 && !this.end) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = undefined;
    }
    if (this.values.length > 0) return { done: false, value: this.values.shift()! };
    if (this.end && 'error' in this.end) throw this.end.error;
    return { done: true, value: undefined };
  }

  /** What `for await` calls when its body leaves. */
  async return(): Promise<IteratorResult<T, void>> {
    if (!this.end) this.onAbandoned();
    this.close();
    this.values.length = 0;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
