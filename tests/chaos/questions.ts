import type { AnswerVocabulary } from '../../runtime/generation/answer-vocabulary.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import { fakeModel } from '../cluster/fake-model.ts';
import { Random } from '../support/random.ts';

/** A token is its number, and none ends an answer. */
export const numbers: AnswerVocabulary = {
  isEndOfGeneration: () => false,
  openText: () => ({ push: (token) => `${token} `, flush: () => '' }),
};

const { vocabSize } = fakeModel().description.config;

/** Short and long ones, of one page of KV and of three; two begin alike. */
export const questions: readonly GenerationRequest[] = [
  [5, 12],
  [20, 30],
  [70, 40],
  [70, 8],
  [130, 30],
  [150, 60],
].map(([promptTokens, maxTokens], i) => {
  const random = new Random(i === 3 ? 2 : i);
  const prompt = Array.from({ length: promptTokens! }, () => random.integer(vocabSize));
  const sampling = samplingParams({ temperature: i % 3 === 0 ? 0 : 0.9, seed: i }, vocabSize);
  return { prompt, sampling, stop: [], maxTokens: maxTokens! };
});
