import type { Conversation } from '../../coordinator/conversations/conversation.ts';

const times = { createdMs: 1_790_000_000_000 };

/** One in which a question was answered twice. */
export const conversation: Conversation = {
  id: '00000000-0000-4000-8000-000000000001',
  title: 'Who lives here?',
  ...times,
  updatedMs: 1_790_000_000_500,
  settings: { temperature: 0.5, max_tokens: 20, stop: ['x'] },
  leaf: 'c',
  messages: [
    { id: 'a', parent: null, role: 'user', text: 'Who lives here?', ...times },
    ...['b', 'c'].map((id) => ({
      id,
      parent: 'a',
      role: 'assistant' as const,
      text: 'We do.',
      ...times,
      answer: {
        state: 'done' as const,
        finish: 'stop' as const,
        model: 'tiny',
        devices: ['den'],
        promptTokens: 4,
        cachedTokens: 0,
        answerTokens: 3,
        ttftMs: 12.5,
        tokensPerSecond: 9,
      },
    })),
  ],
};
