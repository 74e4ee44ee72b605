import type { ServerResponse } from 'node:http';

/** How long somebody who is thrown out may go on reading. */
const checkIntervalMs = 1_000;

/** Answers under way, with the key that opened each: one that is removed ends them too, however long they would go on. */
export class OpenRequests {
  readonly #isGood: (key: string) => boolean;
  readonly #keys = new Map<ServerResponse, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(isGood: (key: string) => boolean) {
    this.#isGood = isGood;
  }

  add(response: ServerResponse, key: string): void {
    this.#keys.set(response, key);
    response.once('close', () => this.#remove(response));
    this.#timer ??= setInterval(() => this.#check(), checkIntervalMs).unref();
  }

  #remove(response: ServerResponse): void {
    this.#keys.delete(response);
    if (this.#keys.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    for (const [response, key] of this.#keys) if (!this.#isGood(key)) response.destroy();
  }
}
