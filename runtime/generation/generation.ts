import { assert } from '../error.ts';
import { TokenHistory } from '../sampling/history.ts';
import type { TokenLogprobs } from '../sampling/logprobs.ts';
import type { SamplingMath } from '../sampling/math.ts';
import { Sampler } from '../sampling/sampler.ts';
import type { AnswerVocabulary, TokenText } from './answer-vocabulary.ts';
import { answerTokenLimit, type GenerationLimits, type GenerationRequest } from './request.ts';
import { StopStrings } from './stop-strings.ts';

/** `stop`: the model ended, or a stop string came; `length`: the token limit or the context's end. */
export type FinishReason = 'stop' | 'length';

/** Log-probabilities of one token of the answer. */
export interface AnswerLogprobs extends TokenLogprobs {
  /** Where the token's text begins in the whole answer, in UTF-16 units. */
  readonly textStart: number;
}

/** What one accepted token brought. */
export interface GenerationEvent {
  readonly token: number;
  /** Text that is now certain to be shown; often empty. */
  readonly text: string;
  /** Of the tokens whose text begins within what is shown by now, each once. */
  readonly logprobs: readonly AnswerLogprobs[];
  readonly finished?: FinishReason;
  /** The stop string that ended the answer, if one did. */
  readonly stop?: string;
}

/**
 * One sequence, from prompt to finish, as a state machine: it holds the tokens, whoever runs it computes logits for
 * the last of them and hands these to `accept`. It knows nothing of caches, so a sequence can be computed again
 * from its tokens at any time without changing its answer.
 */
export class Generation {
  readonly promptTokens: number;
  /** Tokens that the answer may have. */
  readonly answerLimit: number;
  private readonly vocabulary: AnswerVocabulary;
  private readonly history: TokenHistory;
  private readonly sampler: Sampler;
  private readonly stops: StopStrings;
  private readonly tokenText: TokenText;
  /** Of tokens whose text is not shown yet. */
  private pending: AnswerLogprobs[] = [];
  private textLength = 0;
  private shownLength = 0;
  private finish: FinishReason | undefined;

  /** @throws HearthError REQUEST_INVALID naming the field; CONTEXT_FULL if the prompt leaves no place */
  constructor(
    request: GenerationRequest,
    limits: GenerationLimits,
    vocabulary: AnswerVocabulary,
    math: SamplingMath,
  ) {
    this.answerLimit = answerTokenLimit(request, limits);
    this.promptTokens = request.prompt.length;
    this.vocabulary = vocabulary;
    this.history = new TokenHistory(request.prompt);
    this.sampler = new Sampler(request.sampling, math);
    this.stops = new StopStrings(request.stop);
    this.tokenText = vocabulary.openText();
  }

  /** Prompt and answer so far: what the model has to have seen before the next `accept`. */
  get tokens(): readonly number[] {
    return this.history.tokens;
  }

  /** How many of the greatest logits the next `accept` needs; undefined if it needs all. */
  get neededLogits(): number | undefined {
    return this.sampler.needed(this.history);
  }

  /** Tokens of the answer so far; one that ended it counts. */
  get answerTokens(): number {
    return this.tokens.length - this.promptTokens;
  }

  /** Tokens that prompt and answer can have together: what to reserve. */
  get tokenLimit(): number {
    return this.promptTokens + this.answerLimit;
  }

  get finished(): FinishReason | undefined {
    return this.finish;
  }

  /**
   * Chooses the next token.
   * @param row logits after the last of `tokens`, float32 [vocabSize]; those that are not needed may be `unsentLogit`
   * @throws HearthError LOGITS_NOT_FINITE
   */
  accept(row: Float32Array): GenerationEvent {
    assert(this.finish === undefined, 'a finished generation takes no more logits');
    const { token, logprobs } = this.sampler.sample(row, this.history);
    return this.take(token, logprobs);
  }

  /** Takes up a token that `accept` chose in an earlier life of the same request; its log-probabilities are gone. */
  restore(token: number): GenerationEvent {
    assert(this.finish === undefined, 'a finished generation takes no more tokens');
    this.sampler.skip();
    return this.take(token, undefined);
  }

  private take(token: number, logprobs: TokenLogprobs | undefined): GenerationEvent {
    this.history.push(token);
    const ended = this.vocabulary.isEndOfGeneration(token);
    if (logprobs && !ended) this.pending.push({ ...logprobs, textStart: this.textLength });

    const piece = ended ? '' : this.tokenText.push(token);
    const match = this.stops.push(piece);
    this.textLength += piece.length;
    if (match.stop !== undefined) return this.finishWith('stop', token, match.text, match.stop);
    if (ended) return this.finishWithRest('stop', token, match.text);
    if (this.answerTokens === this.answerLimit) return this.finishWithRest('length', token, match.text);
    this.shownLength += match.text.length;
    return { token, text: match.text, logprobs: this.takeLogprobs(this.shownLength) };
  }

  /** Ends where the tokens end: what was held back, and half a character, are shown. */
  private finishWithRest(finished: FinishReason, token: number, text: string): GenerationEvent {
    const rest = this.tokenText.flush();
    this.textLength += rest.length;
    const match = this.stops.push(rest);
    if (match.stop !== undefined) return this.finishWith('stop', token, text + match.text, match.stop);
    return this.finishWith(finished, token, text + match.text + this.stops.flush());
  }

  private finishWith(finished: FinishReason, token: number, text: string, stop?: string): GenerationEvent {
    this.finish = finished;
    // Without a stop string nothing is cut, so a last token that has no text belongs to the answer as well.
    const shownUntil = stop === undefined ? Number.POSITIVE_INFINITY : this.shownLength + text.length;
    const logprobs = this.takeLogprobs(shownUntil);
    return { token, text, logprobs, finished, ...(stop === undefined ? {} : { stop }) };
  }

  /** A token without text of its own begins where the next one does, and is shown with it. */
  private takeLogprobs(shownUntil: number): readonly AnswerLogprobs[] {
    const shown = this.pending.filter(({ textStart }) => textStart < shownUntil);
    this.pending = this.pending.slice(shown.length);
    return shown;
  }
}
