import type { GenerationEvent } from '../../runtime/generation/generation.ts';

/** Where what was told of an answer turned out to be wrong. */
export interface Correction {
  /** So many tokens were right. */
  readonly tokens: number;
  /** What was shown of those. */
  readonly text: string;
}

export interface AnswerEvent extends GenerationEvent {
  /** What was told beyond that is taken back: this event stands in its place. */
  readonly corrects?: Correction;
}

/** What has been told of an answer: where it is computed again it is not told twice, but what has become another is. */
export class Told {
  readonly #events: GenerationEvent[];
  /** Of the next event. */
  #at: number;

  /** @param events of an earlier life of the request */
  constructor(events: readonly GenerationEvent[]) {
    this.#events = [...events];
    this.#at = events.length;
  }

  /** The answer comes again from its first token on. */
  startOver(): void {
    this.#at = 0;
  }

  /** @returns what is to be told; undefined if it has been */
  next(event: GenerationEvent): AnswerEvent | undefined {
    const at = this.#at;
    this.#at += 1;
    const before = this.#events[at];
    if (before && isSame(before, event)) return undefined;
    this.#events.length = at;
    this.#events.push(event);
    if (!before) return event;
    const text = this.#events
      .slice(0, at)
      .map((one) => one.text)
      .join('');
    return { ...event, corrects: { tokens: at, text } };
  }
}

function isSame(one: GenerationEvent, other: GenerationEvent): boolean {
  return one.token === other.token && JSON.stringify(one.logprobs) === JSON.stringify(other.logprobs);
}
