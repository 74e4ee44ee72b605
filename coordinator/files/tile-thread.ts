import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import type { HashedTile, TileSupply } from '../cluster/tile-supply.ts';
import type { TileAnswer, TileFailure } from './tile-worker.ts';

interface Question {
  resolve(tile: HashedTile): void;
  reject(error: unknown): void;
}

/**
 * Cuts and hashes tiles in a thread of its own: where steps pass through this one, they would wait for each tile. The
 * thread is there while there is something to do and a little longer.
 */
export class TileThread implements TileSupply {
  readonly #place: ModelPlace;
  readonly #idleMs: number;
  #worker: Worker | undefined;
  /** Not answered yet, in order. */
  #questions: Question[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(place: ModelPlace, idleMs = 10_000) {
    this.#place = place;
    this.#idleMs = idleMs;
  }

  cut(spec: TileSpec): Promise<HashedTile> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.postMessage(spec);
    return new Promise((resolve, reject) => this.#questions.push({ resolve, reject }));
  }

  /** Ends the thread; what was asked of it fails. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#fail(undefined);
    await worker?.terminate();
  }

  #start(): Worker {
    // It makes little garbage beside the tiles, which it hands on.
    const resourceLimits = { maxYoungGenerationSizeMb: 1 };
    const worker = new Worker(join(packageRoot(), 'dist', 'coordinator', 'files', 'tile-worker.js'), {
      workerData: this.#place,
      resourceLimits,
    });
    let cause: Error | undefined;
    worker.on('message', (answer: TileAnswer) => this.#answered(answer));
    worker.on('error', (error: Error) => {
      cause = error;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#fail(cause);
    });
    // A tile that nobody waits for any more must not keep the process alive.
    worker.unref();
    return worker;
  }

  #answered(answer: TileAnswer): void {
    const question = this.#questions.shift();
    if ('tile' in answer) question?.resolve(answer.tile);
    else question?.reject(errorOf(answer.failure));
    if (this.#questions.length > 0) return;
    this.#idle = setTimeout(() => void this.close(), this.#idleMs);
    this.#idle.unref();
  }

  /** The next tile is another thread's. */
  #fail(cause: Error | undefined): void {
    this.#worker = undefined;
    const message = `the thread that cuts tiles has ended${cause ? `: ${cause.message}` : ''}`;
    for (const { reject } of this.#questions.splice(0))
      reject(new HearthError('THREAD_LOST', message, {}, cause));
  }
}

function errorOf({ code, message, fields }: TileFailure): HearthError {
  return new HearthError(code, message, fields);
}
