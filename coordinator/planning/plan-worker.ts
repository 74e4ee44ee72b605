import { workerData } from 'node:worker_threads';
import { modelWork } from '../../runtime/plan/workload.ts';
import { answerQuestions } from '../thread/answer-questions.ts';
import { type PlanReport, planReport } from './plan-report.ts';
import type { PlannedModel, PlanQuestion } from './plan-thread.ts';

/** Entry point of a worker thread that plans for one model. */
const { description, options, rowShares } = workerData as PlannedModel;
const work = modelWork(description, options, rowShares);

answerQuestions(
  async ({ devices, goal, present }: PlanQuestion): Promise<PlanReport> =>
    planReport(work, devices, goal, present),
);
