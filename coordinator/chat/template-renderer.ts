import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ChatVariables } from './render-chat.ts';
import type { TemplateReply, TemplateRequest } from './template-worker.ts';

export interface TemplateRendererOptions {
  readonly timeLimitMs?: number;
  /** The built template-worker.js, if not the one in dist/. */
  readonly workerPath?: string;
}

const DEFAULT_TIME_LIMIT_MS = 2000;
/** Templates come with models, from strangers; the library that runs them has no limits of its own. */
const MEMORY_LIMIT_MB = 128;

/**
 * Renders chat templates in a thread that is killed when one takes too long or too much memory, and started anew
 * for the next. One template runs at a time; the others wait, and their waiting does not count.
 */
export class TemplateRenderer {
  readonly #timeLimitMs: number;
  readonly #workerPath: string;
  #worker: Worker | undefined;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: TemplateRendererOptions = {}) {
    this.#timeLimitMs = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
    this.#workerPath = options.workerPath ?? join(packageRoot(), 'dist/coordinator/chat/template-worker.js');
  }

  /**
   * @throws HearthError TEMPLATE_FAILED with the template's own message if it raises one, is malformed, needs too
   *   much memory or writes too much; TEMPLATE_TIMEOUT; INTERNAL if the thread cannot be started
   */
  render(template: string, variables: ChatVariables): Promise<string> {
    const turn = this.#lastTurn.then(() => this.#renderNow({ template, variables }));
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  /** Ends the thread. What is being rendered fails. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  async #renderNow(request: TemplateRequest): Promise<string> {
    const worker = this.#worker ?? (await this.#start());
    // Only while it works does the thread keep the process alive.
    worker.ref();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void worker.terminate();
    }, this.#timeLimitMs);
    try {
      worker.postMessage(request);
      const reply = await nextMessage<TemplateReply>(worker);
      if ('text' in reply) return reply.text;
      throw failed(reply.failure);
    } catch (error) {
      if (error instanceof HearthError) throw error;
      // The thread has come to an end, or is about to.
      this.#worker = undefined;
      await worker.terminate();
      throw isLate ? this.#timeout() : failed(describe(error), error);
    } finally {
      clearTimeout(timer);
      worker.unref();
    }
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(this.#workerPath, {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB, maxYoungGenerationSizeMb: 16 },
    });
    // An error that comes when nobody waits must not end the process.
    worker.on('error', () => {});
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    try {
      await nextMessage<'ready'>(worker);
    } catch (error) {
      throw new HearthError(
        'INTERNAL',
        `The chat template worker ${this.#workerPath} does not start. Is Hearth built?`,
        { path: this.#workerPath },
        error,
      );
    }
    this.#worker = worker;
    return worker;
  }

  #timeout(): HearthError {
    return new HearthError(
      'TEMPLATE_TIMEOUT',
      `The model's chat template did not finish within ${this.#timeLimitMs} ms.`,
      { timeLimitMs: this.#timeLimitMs },
    );
  }
}

/** Rejects if the thread ends first: with its error if it had one. */
async function nextMessage<T>(worker: Worker): Promise<T> {
  const done = new AbortController();
  const { signal } = done;
  try {
    const ended = once(worker, 'exit', { signal }).then(() => Promise.reject(new Error('it was stopped')));
    const [message] = await Promise.race([once(worker, 'message', { signal }), ended]);
    return message;
  } finally {
    done.abort();
  }
}

function describe(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return `it needs more than ${MEMORY_LIMIT_MB} MB of memory`;
  return (error as Error).message;
}

function failed(reason: string, cause?: unknown): HearthError {
  return new HearthError('TEMPLATE_FAILED', `The model's chat template failed: ${reason}`, { reason }, cause);
}
