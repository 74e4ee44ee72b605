import { expect, it } from 'vitest';
import type { AnswerRecord } from '../../coordinator/conversations/conversation.ts';
import { AnswerFacts } from '../../coordinator/pages/chat/views/answer-facts.tsx';

const answer: AnswerRecord = {
  state: 'done',
  model: 'ember',
  devices: ['den'],
  promptTokens: 7,
  cachedTokens: 0,
  answerTokens: 12,
  tokensPerSecond: 8.25,
};

const line = (facts: Partial<AnswerRecord>) =>
  AnswerFacts({ answer: { ...answer, ...facts } })?.props.children;

it('says of an answer how fast it came, and what is the matter with it', () => {
  expect(line({})).toBe('8.3 tokens/s · 12 tokens · on den');
  expect(line({ notExact: 'neurons were predicted' })).toMatch(/ · not exact: neurons were predicted$/);
  expect(line({ corrected: true })).toMatch(/ · corrected: a device had computed wrongly$/);
  expect(line({ answerTokens: 0 })).toBeUndefined();
});
