import { HearthError } from '../../runtime/error.ts';
import type { AnswerVocabulary, TokenText } from '../../runtime/generation/answer-vocabulary.ts';
import { kvPageTokens, type StepInput, type StepRunner } from '../../runtime/generation/step-runner.ts';

/** Every byte is a token, and one more ends the answer. */
export const byteVocabSize = 257;
export const endToken = 256;

export const byteVocabulary: AnswerVocabulary = {
  isEndOfGeneration: (token) => token === endToken,
  openText: (): TokenText => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (token) => decoder.decode(Uint8Array.of(token), { stream: true }),
      flush: () => decoder.decode(),
    };
  },
};

export function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** Logits that make `token` certain. */
export function certain(token: number): Float32Array {
  const row = new Float32Array(byteVocabSize);
  row[token] = 100;
  return row;
}

/** What logits follow a sequence of tokens: all that a model is, seen from outside. */
export type FakeModel = (tokens: readonly number[]) => Float32Array;

/** Answers with a fixed text, whatever the prompt, then ends. */
export function saying(text: string, promptTokens: number): FakeModel {
  const answer = [...bytesOf(text), endToken];
  return (tokens) => certain(answer[tokens.length - promptTokens] ?? endToken);
}

/** A few likely tokens that depend on every token and its place, so that any mix-up shows at once. */
export const historyModel: FakeModel = (tokens) => {
  let hash = 2166136261;
  tokens.forEach((token, position) => {
    hash = Math.imul(hash ^ (token + 257 * position), 16777619) >>> 0;
  });
  const row = new Float32Array(byteVocabSize);
  for (let rank = 0; rank < 4; rank++) {
    hash = Math.imul(hash ^ rank, 16777619) >>> 0;
    // Letters, so that the text is text.
    row[97 + ((hash >>> 8) % 26)] = 10 - rank * 0.3;
  }
  row[endToken] = -20;
  return row;
};

export interface FakeRunnerOptions {
  readonly model?: FakeModel;
  readonly maxStepTokens?: number;
  readonly maxSequences?: number;
  readonly contextLength?: number;
  readonly kvPages?: number;
  /** Called before each step is computed; may throw or wait. */
  readonly beforeStep?: (sequences: readonly StepInput[], stepIndex: number) => void | Promise<void>;
}

/** Keeps the tokens of each slot where a real runner keeps keys and values, and refuses what a real one would. */
export class FakeRunner implements StepRunner {
  readonly limits;
  readonly vocabSize = byteVocabSize;
  readonly steps: (readonly StepInput[])[] = [];
  private readonly options: FakeRunnerOptions;
  private readonly slots = new Map<number, number[]>();

  constructor(options: FakeRunnerOptions = {}) {
    const { maxStepTokens = 16, maxSequences = 4, contextLength = 512 } = options;
    const kvPages = options.kvPages ?? maxSequences * Math.ceil(contextLength / kvPageTokens);
    this.limits = { maxStepTokens, maxSequences, contextLength, kvPages };
    this.options = options;
  }

  /** Tokens that a slot holds. */
  held(slot: number): readonly number[] {
    return this.slots.get(slot) ?? [];
  }

  get pagesUsed(): number {
    return [...this.slots.values()].reduce((sum, held) => sum + Math.ceil(held.length / kvPageTokens), 0);
  }

  release(slot: number): void {
    this.slots.delete(slot);
  }

  /** As when a device that held part of every cache leaves. @param kept first positions of each slot that are not lost */
  loseCaches(kept: readonly number[] = []): void {
    for (const [slot, held] of this.slots) this.slots.set(slot, held.slice(0, kept[slot] ?? 0));
  }

  async step(sequences: readonly StepInput[]): Promise<Float32Array[]> {
    this.steps.push(sequences);
    await this.options.beforeStep?.(sequences, this.steps.length - 1);
    this.check(sequences);
    const rows: Float32Array[] = [];
    for (const { slot, start, tokens, logits } of sequences) {
      const held = [...this.held(slot).slice(0, start), ...tokens];
      this.slots.set(slot, held);
      // Also between a step's sequences: a later one's pages are not free yet.
      if (this.pagesUsed > this.limits.kvPages) throw new Error('more KV pages used than there are');
      if (logits === 'last') rows.push((this.options.model ?? historyModel)(held));
    }
    return rows;
  }

  private check(sequences: readonly StepInput[]): void {
    const { maxStepTokens, maxSequences, contextLength } = this.limits;
    const total = sequences.reduce((sum, { count }) => sum + count, 0);
    if (total > maxStepTokens || total === 0) throw new Error(`a step of ${total} tokens`);
    if (new Set(sequences.map(({ slot }) => slot)).size !== sequences.length) throw new Error('a slot twice');
    for (const { slot, start, count, tokens } of sequences) {
      if (slot < 0 || slot >= maxSequences) throw new Error(`slot ${slot}`);
      if (count !== tokens.length || count < 1) throw new Error(`count ${count} of ${tokens.length} tokens`);
      if (start > this.held(slot).length)
        throw new HearthError('CACHE_LOST', `slot ${slot} does not hold ${start}`);
      if (start + count > contextLength) throw new Error(`position ${start + count}`);
    }
  }
}
