import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import { QuestionThread } from '../thread/question-thread.ts';
import type { Checker, CheckTask } from './checker.ts';
import type { Difference } from './difference.ts';

/** Checks in a thread of its own, which opens the model again: steps need not wait. */
export class CheckThread implements Checker {
  readonly #thread: QuestionThread<CheckTask, Difference | undefined>;

  constructor(place: ModelPlace) {
    this.#thread = new QuestionThread({
      purpose: 'checks devices',
      file: 'coordinator/checking/check-worker.js',
      workerData: place,
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
  }

  check(task: CheckTask): Promise<Difference | undefined> {
    return this.#thread.ask(task);
  }

  /** Ends the thread; what was asked of it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
