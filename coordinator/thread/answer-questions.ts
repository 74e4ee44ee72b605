import { parentPort } from 'node:worker_threads';
import { HearthError } from '../../runtime/error.ts';

/** What becomes of a question; in the order of the questions. */
export type Reply<Answer> = { readonly answer: Answer } | { readonly failure: Failure };

/** A HearthError: as an error it would lose its code on the way. */
export type Failure = Pick<HearthError, 'code' | 'message' | 'fields'>;

/**
 * The inside of a `QuestionThread`.
 * @param buffersOf what of an answer is handed on rather than copied
 */
export function answerQuestions<Asked, Answer>(
  answer: (asked: Asked) => Promise<Answer>,
  buffersOf: (answer: Answer) => readonly ArrayBuffer[] = () => [],
): void {
  let last: Promise<void> = Promise.resolve();
  parentPort!.on('message', (asked: Asked) => {
    last = last.then(async () => {
      const reply = await replyOf(() => answer(asked));
      parentPort!.postMessage(reply, 'answer' in reply ? [...buffersOf(reply.answer)] : []);
    });
  });
}

async function replyOf<Answer>(answer: () => Promise<Answer>): Promise<Reply<Answer>> {
  try {
    return { answer: await answer() };
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    const { code, message, fields } = error;
    return { failure: { code, message, fields } };
  }
}
