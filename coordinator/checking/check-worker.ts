import { workerData } from 'node:worker_threads';
import { openModelHere } from '../../device-agent/node/model-here.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import { answerQuestions } from '../thread/answer-questions.ts';
import { checkerOf, type CheckTask } from './checker.ts';

/** Entry point of a worker thread that computes parts of steps again. */
const checker = openModelHere(workerData as ModelPlace).then(checkerOf);

answerQuestions(async (task: CheckTask) => (await checker).check(task));
