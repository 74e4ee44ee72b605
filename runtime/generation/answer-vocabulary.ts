import { TextStream } from '../tokenizer/text-stream.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** Turns one answer's tokens into text as they come; never half a character. */
export interface TokenText {
  push(token: number): string;
  /** What was incomplete at the end. */
  flush(): string;
}

/** All that a generation asks of a tokenizer. */
export interface AnswerVocabulary {
  /** Whether the model ends its answer with this token, which is not text. */
  isEndOfGeneration(token: number): boolean;
  openText(): TokenText;
}

export function answerVocabulary(tokenizer: Tokenizer): AnswerVocabulary {
  return {
    isEndOfGeneration: (token) => tokenizer.isEndOfGeneration(token),
    openText: () => new TextStream(tokenizer, { continues: true }),
  };
}
