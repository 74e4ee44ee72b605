import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { errorAnswer } from '../http/error-answer.ts';
import { timingsOf } from '../http/usage.ts';
import type { Answer } from '../scheduler/answer.ts';
import type { Correction } from '../scheduler/told.ts';
import type { AnswerJournal, JournaledAnswer } from './answer-journal.ts';
import { type AnswerRecord, conversationLimits, type Message, type Settings } from './conversation.ts';
import type { OpenConversation } from './open-conversation.ts';

/** What is to be answered. */
export interface Question {
  /** From the conversation's beginning; the last one is a question. */
  readonly messages: readonly Pick<Message, 'role' | 'text'>[];
  readonly settings: Settings;
  /** What the answer has begun with: it goes on from there. */
  readonly begun: string;
}

/** An answer that is being computed. */
export interface Asked {
  readonly answer: Answer;
  readonly request: GenerationRequest;
  /** What the model that computes it is called. */
  readonly model: string;
  /** Names of those that compute at present. */
  readonly devices: () => readonly string[];
  /** Why the answer is not exact; undefined where it is. */
  readonly notExact?: string | undefined;
}

/** So many tokens are between two looks at who computes. */
const deviceCheckTokens = 16;

/** Has questions answered. */
export interface Asking {
  /** @throws HearthError whatever a chat completion's request may */
  ask(question: Question): Promise<Asked>;
  /** Goes on with an answer. @throws HearthError MODEL_NOT_FOUND if another model is served now, and as `ask` */
  takeUp(begun: JournaledAnswer): Asked;
}

/** Writes an answer into a conversation as it comes, whoever reads along. */
export class AnswerRun {
  /** Resolves when the answer has ended, one way or another, and is saved. */
  readonly finished: Promise<void>;
  readonly #open: OpenConversation;
  readonly #asked: Asked;
  readonly #onError: (error: unknown) => void;
  #journal: AnswerJournal | undefined;
  /** Why it was ended from outside. */
  #ended: 'stopped' | 'interrupted' | undefined;
  #message: Message;
  /** Text that the answer's own is added to. */
  readonly #begun: string;
  #record: AnswerRecord;

  /**
   * @param message the answer as far as it got
   * @param journal where its tokens are written down; without one it is not gone on with after the coordinator's death
   */
  constructor(
    open: OpenConversation,
    message: Message,
    asked: Asked,
    journal: AnswerJournal | undefined,
    onError: (error: unknown) => void,
  ) {
    this.#open = open;
    this.#asked = asked;
    this.#journal = journal;
    this.#onError = onError;
    this.#record = newRecord(asked, message);
    this.#begun = message.text.slice(0, message.text.length - asked.answer.restored.text.length);
    this.#message = { ...message, answer: this.#record };
    this.finished = this.#run();
  }

  /** The message as it is when the run begins. */
  get message(): Message {
    return this.#message;
  }

  get ended(): boolean {
    return this.#record.state !== 'answering';
  }

  /** Ends it before its time; after that, nothing. */
  end(reason: 'stopped' | 'interrupted'): void {
    this.#ended ??= reason;
    this.#asked.answer.cancel();
  }

  async #run(): Promise<void> {
    try {
      for await (const { token, text, corrects, finished } of this.#asked.answer) {
        if (corrects) this.#correct(corrects);
        this.#note(token);
        this.#grow(text);
        if (finished) this.#finish({ state: 'done', finish: finished });
      }
    } catch (error) {
      this.#finish(this.#ended ? { state: this.#ended } : this.#failed(error));
    }
    await this.#open.save().catch(this.#onError);
    await this.#journal?.remove().catch(this.#onError);
  }

  /** Whoever reads along sees the text change. */
  #correct({ tokens, text }: Correction): void {
    this.#journaled((journal) => journal.takeBack(tokens));
    this.#record = { ...this.#record, corrected: true };
    this.#message = { ...this.#message, text: this.#begun + text, answer: this.#record };
    this.#open.put([this.#message]);
  }

  /** Before anybody is told of it. */
  #note(token: number): void {
    this.#journaled((journal) => journal.append(token));
  }

  #journaled(write: (journal: AnswerJournal) => void): void {
    try {
      if (this.#journal) write(this.#journal);
    } catch (error) {
      this.#onError(error);
      void this.#journal?.remove().catch(this.#onError);
      this.#journal = undefined;
    }
  }

  #grow(text: string): void {
    const { answer } = this.#asked;
    const { usage } = answer;
    const devices = usage.answerTokens % deviceCheckTokens === 1 ? this.#devices() : this.#record.devices;
    this.#record = { ...this.#record, ...usage, devices, ...speed(answer) };
    const whole = this.#message.text + text;
    this.#message = {
      ...this.#message,
      text: whole.slice(0, conversationLimits.textLength),
      answer: this.#record,
    };
    this.#open.grow(this.#message);
    if (whole.length > conversationLimits.textLength) this.end('stopped');
  }

  /** Those that took part so far. */
  #devices(): string[] {
    return [...new Set([...this.#record.devices, ...this.#asked.devices()])];
  }

  #finish(end: Partial<AnswerRecord>): void {
    this.#record = { ...this.#record, devices: this.#devices(), ...end };
    this.#message = { ...this.#message, answer: this.#record };
    this.#open.put([this.#message]);
  }

  /** What a client would be told of the error. */
  #failed(error: unknown): Partial<AnswerRecord> {
    const { status, body } = errorAnswer(error);
    if (status === 500) this.#onError(error);
    const { code, message } = body.error;
    // The scheduler cancels by itself only when the coordinator ends.
    if (code === 'REQUEST_CANCELLED') return { state: 'interrupted' };
    return { state: 'failed', error: { code, message } };
  }
}

function newRecord({ model, devices, notExact }: Asked, { answer }: Message): AnswerRecord {
  // One that is taken up is the same answer still.
  const before = answer?.state === 'answering' ? answer.devices : [];
  return {
    state: 'answering',
    model,
    devices: [...new Set([...before, ...devices()])],
    promptTokens: 0,
    cachedTokens: 0,
    answerTokens: 0,
    notExact: notExact ?? answer?.notExact,
  };
}

function speed(answer: Answer): Pick<AnswerRecord, 'ttftMs' | 'tokensPerSecond'> {
  const { submittedMs, firstTokenMs } = answer.times;
  const ttftMs = firstTokenMs === undefined ? undefined : firstTokenMs - submittedMs;
  return { ttftMs, tokensPerSecond: timingsOf(answer).predicted_per_second };
}
