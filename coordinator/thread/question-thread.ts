import { join } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Failure, Reply } from './answer-questions.ts';

export interface QuestionThreadOptions {
  /** What it is there for, as messages say it: `cuts tiles`. */
  readonly purpose: string;
  /** Its entry point, below `dist/`; it calls `answerQuestions`. */
  readonly file: string;
  readonly workerData: unknown;
  /** How long it stays when there is nothing to do. */
  readonly idleMs?: number | undefined;
  readonly resourceLimits?: ResourceLimits;
}

interface Question<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** A thread that answers questions, one after another. It is there while there is something to do and a little longer. */
export class QuestionThread<Asked, Answer> {
  readonly #options: QuestionThreadOptions;
  #worker: Worker | undefined;
  /** Not answered yet, in order. */
  #questions: Question<Answer>[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(options: QuestionThreadOptions) {
    this.#options = options;
  }

  /** @throws HearthError THREAD_LOST, or what answering throws */
  ask(asked: Asked): Promise<Answer> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.postMessage(asked);
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
    const { file, workerData, resourceLimits } = this.#options;
    const worker = new Worker(join(packageRoot(), 'dist', file), {
      workerData,
      ...(resourceLimits && { resourceLimits }),
    });
    let cause: Error | undefined;
    worker.on('message', (reply: Reply<Answer>) => this.#answered(reply));
    worker.on('error', (error: Error) => {
      cause = error;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#fail(cause);
    });
    // What nobody waits for any more must not keep the process alive.
    worker.unref();
    return worker;
  }

  #answered(reply: Reply<Answer>): void {
    const question = this.#questions.shift();
    if ('answer' in reply) question?.resolve(reply.answer);
    else question?.reject(errorOf(reply.failure));
    if (this.#questions.length > 0) return;
    this.#idle = setTimeout(() => void this.close(), this.#options.idleMs ?? 10_000);
    this.#idle.unref();
  }

  /** The next question is another thread's. */
  #fail(cause: Error | undefined): void {
    this.#worker = undefined;
    const message = `the thread that ${this.#options.purpose} has ended${cause ? `: ${cause.message}` : ''}`;
    for (const { reject } of this.#questions.splice(0))
      reject(new HearthError('THREAD_LOST', message, {}, cause));
  }
}

function errorOf({ code, message, fields }: Failure): HearthError {
  return new HearthError(code, message, fields);
}
