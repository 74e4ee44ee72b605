import { Channel } from './channel.ts';
import type { Sequence } from './slot.ts';
import type { AnswerEvent } from './told.ts';

export interface AnswerUsage {
  readonly promptTokens: number;
  /** Of the prompt's tokens, those that did not have to be computed. */
  readonly cachedTokens: number;
  readonly answerTokens: number;
}

/** When things happened to a request, by the scheduler's clock; absent until they do. */
export interface AnswerTimes {
  readonly submittedMs: number;
  admittedMs?: number;
  firstTokenMs?: number;
  lastTokenMs?: number;
}

/** The beginning of an answer whose request was given up in the middle, and taken up again. */
export interface RestoredAnswer {
  readonly tokens: number;
  /** Of it, what was certain to be shown. */
  readonly text: string;
}

/**
 * One request's answer as it comes. Reading throws what went wrong; leaving the loop before the end cancels the
 * request.
 */
export class Answer implements AsyncIterable<AnswerEvent> {
  readonly times: AnswerTimes;
  /** What of it is of an earlier life; its events do not come again. */
  readonly restored: RestoredAnswer;
  private readonly sequence: Sequence;
  private readonly events: Channel<AnswerEvent>;
  /** Takes the request out before the next step; whoever reads gets REQUEST_CANCELLED. After the end, nothing. */
  readonly cancel: () => void;

  constructor(sequence: Sequence, submittedMs: number, restored: RestoredAnswer, cancel: () => void) {
    this.times = { submittedMs };
    this.restored = restored;
    this.cancel = cancel;
    this.sequence = sequence;
    this.events = new Channel(cancel);
  }

  get usage(): AnswerUsage {
    const { promptTokens, answerTokens } = this.sequence.generation;
    return { promptTokens, cachedTokens: this.sequence.cachedTokens, answerTokens };
  }

  [Symbol.asyncIterator](): AsyncIterator<AnswerEvent, void, undefined> {
    return this.events;
  }

  /** For the scheduler: the request has got a slot. */
  admitted(atMs: number): void {
    this.times.admittedMs = atMs;
  }

  /** For the scheduler: a token came. */
  push(event: AnswerEvent, atMs: number): void {
    this.times.firstTokenMs ??= atMs;
    this.times.lastTokenMs = atMs;
    this.events.push(event);
    if (event.finished) this.events.close();
  }

  /** For the scheduler: no more comes. */
  fail(error: unknown): void {
    this.events.fail(error);
  }
}
