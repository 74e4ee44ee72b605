import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import type { EncodeJob } from './encode-rows.ts';
import type { RowEncoder } from './quantize.ts';

/** Worker threads that encode rows; each has one job at a time, the others wait. */
export class EncodePool implements RowEncoder {
  readonly width: number;
  readonly #workers: Worker[];
  /** The last job given to each worker. */
  readonly #turns: Promise<unknown>[];
  #next = 0;
  /** What a worker died of. */
  #failure: Error | undefined;

  constructor(threads: number) {
    const file = join(packageRoot(), 'dist', 'coordinator', 'quantize', 'encode-worker.js');
    this.width = threads;
    this.#workers = Array.from({ length: threads }, () => new Worker(file));
    for (const worker of this.#workers) worker.on('error', (error: Error) => (this.#failure ??= error));
    this.#turns = this.#workers.map(() => Promise.resolve());
  }

  /** Jobs are alike, so they go to the workers in turn. Rejects with what a worker died of. */
  encode(job: EncodeJob): Promise<Uint8Array | undefined> {
    const index = this.#next;
    this.#next = (index + 1) % this.width;
    const result = this.#turns[index]!.then(() => this.#run(this.#workers[index]!, job));
    this.#turns[index] = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #run(worker: Worker, job: EncodeJob): Promise<Uint8Array | undefined> {
    if (this.#failure) throw this.#failure;
    const answer = once(worker, 'message');
    worker.postMessage(job);
    return (await answer)[0];
  }
}
