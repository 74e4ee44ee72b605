import type { Scheduler } from '../../coordinator/scheduler/scheduler.ts';
import type { Random } from '../support/random.ts';
import { questions } from './questions.ts';

/** What is known of an answer that was begun: its coordinator may die before it ends. */
interface Begun {
  readonly question: number;
  readonly tokens: number[];
}

/** Asks one question after another; when its coordinator comes back, the answer goes on, as a journal has it. */
export class SimClient {
  readonly #random: Random;
  readonly #onAnswer: (question: number, tokens: readonly number[]) => void;
  readonly #onFailure: (error: unknown) => void;
  #scheduler: Scheduler | undefined;
  #begun: Begun | undefined;
  #asks = true;

  constructor(
    random: Random,
    onAnswer: (question: number, tokens: readonly number[]) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#random = random;
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  get isIdle(): boolean {
    return !this.#begun && !this.#asks;
  }

  /** A coordinator is there: the first one, or the next. */
  serve(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
    this.#run(scheduler).catch(this.#onFailure);
  }

  /** The answer under way is the last one. */
  end(): void {
    this.#asks = false;
  }

  async #run(scheduler: Scheduler): Promise<void> {
    while (this.#scheduler === scheduler && (this.#begun || this.#asks)) {
      this.#begun ??= { question: this.#random.integer(questions.length), tokens: [] };
      const { question, tokens } = this.#begun;
      // What is known at this moment: those that come are added to the same list.
      for await (const { token } of scheduler.submit(questions[question]!, undefined, [...tokens]))
        if (this.#scheduler === scheduler) tokens.push(token);
      this.#onAnswer(question, tokens);
      this.#begun = undefined;
    }
  }
}
