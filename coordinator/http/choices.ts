import type { AnswerLogprobs, FinishReason, GenerationEvent } from '../../runtime/generation/generation.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import type { Answer } from '../scheduler/answer.ts';
import { Channel } from '../scheduler/channel.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';

/** What came for one of several answers. */
export interface ChoiceEvent {
  readonly index: number;
  readonly event: GenerationEvent;
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

  /** The answers' events as they come. One that fails ends all; so does leaving the loop. */
  events(): AsyncIterableIterator<ChoiceEvent> {
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
    const events: GenerationEvent[][] = this.answers.map(() => []);
    for await (const { index, event } of this.events()) events[index]!.push(event);
    return events.map((own) => ({
      text: own.map(({ text }) => text).join(''),
      logprobs: own.flatMap(({ logprobs }) => logprobs),
      finished: own.at(-1)!.finished!,
    }));
  }
}
