import { HearthError } from '../../runtime/error.ts';
import type { AnswerLogprobs, FinishReason } from '../../runtime/generation/generation.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import type { Answer } from '../scheduler/answer.ts';
import { Channel } from '../scheduler/channel.ts';
import type { AnswerEvent } from '../scheduler/told.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';

/** What came for one of several answers. */
export interface ChoiceEvent {
  readonly index: number;
  readonly event: AnswerEvent;
}

/** A whole answer. */
export interface FinishedChoice {
  readonly text: string;
  readonly logprobs: readonly AnswerLogprobs[];
  readonly finished: FinishReason;
}

/** The answers to one HTTP request: all are computed, or none. */
export class Choices {
  readonly answers: readonly Answer[];

  /**
   * @param signal cancels all
   * @throws HearthError as `Scheduler.submit`
   */
  constructor(scheduler: Scheduler, requests: readonly GenerationRequest[], signal: AbortSignal) {
    const answers: Answer[] = [];
    this.answers = answers;
    try {
      for (const request of requests) answers.push(scheduler.submit(request));
    } catch (error) {
      this.cancel();
      throw error;
    }
    signal.addEventListener('abort', () => this.cancel(), { once: true });
    if (signal.aborted) this.cancel();
  }

  private cancel(): void {
    for (const answer of this.answers) answer.cancel();
  }

  /**
   * The answers' events as they come, for whoever passes them on and can take nothing back: what would have to be fails.
   * @throws HearthError ANSWER_RETRACTED
   */
  async *events(): AsyncGenerator<ChoiceEvent> {
    for await (const choice of this.merged()) {
      if (choice.event.corrects) throw retracted();
      yield choice;
    }
  }

  /** One that fails ends all; so does leaving the loop. */
  private merged(): AsyncIterableIterator<ChoiceEvent> {
    const merged = new Channel<ChoiceEvent>(() => this.cancel());
    const readers = this.answers.map(async (answer, index) => {
      for await (const event of answer) merged.push({ index, event });
    });
    Promise.all(readers).then(
      () => merged.close(),
      (error: unknown) => {
        merged.fail(error);
        this.cancel();
      },
    );
    return merged;
  }

  /** Waits for all answers, in the order of their requests. */
  async finished(): Promise<FinishedChoice[]> {
    const events: AnswerEvent[][] = this.answers.map(() => []);
    for await (const { index, event } of this.merged()) {
      const own = events[index]!;
      if (event.corrects) own.length = event.corrects.tokens;
      own.push(event);
    }
    return events.map((own) => ({
      text: own.map(({ text }) => text).join(''),
      logprobs: own.flatMap(({ logprobs }) => logprobs),
      finished: own.at(-1)!.finished!,
    }));
  }
}

function retracted(): HearthError {
  const message =
    'a device has computed wrongly: what has come of this answer is not what the model says. Ask again; the device is out';
  return new HearthError('ANSWER_RETRACTED', message);
}
