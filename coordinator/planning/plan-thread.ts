import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { RowShares } from '../../runtime/model/row-shares.ts';
import type { Goal } from '../../runtime/plan/goal.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { QuestionThread } from '../thread/question-thread.ts';
import type { PlanReport } from './plan-report.ts';

/** The model that plans are made for. */
export interface PlannedModel {
  readonly description: ModelDescription;
  readonly options: RankOptions;
  /** Of each layer, where neurons are skipped. */
  readonly rowShares?: readonly RowShares[] | undefined;
}

export interface PlanQuestion {
  readonly devices: readonly DeviceProfile[];
  readonly goal: Goal;
  /** What is in use, of these devices. */
  readonly present?: Layout | undefined;
}

/** Plans in a thread of its own: it may take seconds, in which steps must pass. */
export class PlanThread {
  readonly #thread: QuestionThread<PlanQuestion, PlanReport>;

  constructor(model: PlannedModel) {
    this.#thread = new QuestionThread({
      purpose: 'plans',
      file: 'coordinator/planning/plan-worker.js',
      workerData: model,
    });
  }

  /** @throws HearthError PLAN_NO_DEVICES, MEMORY_EXHAUSTED with the numbers, THREAD_LOST */
  plan(question: PlanQuestion): Promise<PlanReport> {
    return this.#thread.ask(question);
  }

  /** Ends the thread; what was asked of it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
