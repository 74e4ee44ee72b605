import { effect } from '@preact/signals';
import { describe, expect, it } from 'vitest';
import type { ConversationHead, Message } from '../../coordinator/conversations/conversation.ts';
import { ConversationStore } from '../../coordinator/pages/chat/talk/conversation-store.ts';
import { answer, question } from '../browser/exported.ts';

const head: ConversationHead = { id: 'c', title: 'T', createdMs: 0, updatedMs: 0, settings: {}, leaf: 'a' };
const growing = (text: string): Message => {
  const message = answer('a', 'q', text);
  return { ...message, answer: { ...message.answer!, state: 'answering' } };
};

const progress = (answerTokens: number) => ({ promptTokens: 20, cachedTokens: 0, answerTokens });

function opened(): ConversationStore {
  const store = new ConversationStore();
  store.apply({ cursor: 'e.1.2', head, messages: [question('q', null, 'Hm?'), growing('We')] });
  return store;
}

describe('the conversation that is shown', () => {
  it('follows its events', () => {
    const store = opened();
    expect(store.branch.value).toEqual(['q', 'a']);
    expect(store.answering.value).toBe(true);
    store.apply({ cursor: 'e.1.4', message: 'a', offset: 2, text: 'll', answer: progress(2) });
    expect(store.message('a').value).toMatchObject({ text: 'Well', answer: { answerTokens: 2 } });
    expect(store.cursor).toBe('e.1.4');
    store.apply({ cursor: 'e.2.0', head, messages: [answer('a', 'q', 'Well.')] });
    expect(store.answering.value).toBe(false);
    expect(store.lastAnswer.value!.text).toBe('Well.');
    expect(store.conversation!.messages.map(({ text }) => text)).toEqual(['Hm?', 'Well.']);
  });

  it('takes text that comes twice once', () => {
    const store = opened();
    for (let i = 0; i < 2; i += 1)
      store.apply({ cursor: 'e.1.4', message: 'a', offset: 2, text: 'll', answer: progress(2) });
    expect(store.message('a').value.text).toBe('Well');
  });

  it('draws one message for a token, and nothing else', () => {
    const store = opened();
    const draws = { branch: 0, question: 0, answer: 0 };
    const count = (name: keyof typeof draws, look: () => unknown) =>
      effect(() => {
        look();
        draws[name] += 1;
      });
    const stop = [
      count('branch', () => store.branch.value),
      count('question', () => store.message('q').value),
      count('answer', () => store.message('a').value),
    ];
    for (let i = 0; i < 10; i += 1)
      store.apply({ cursor: `e.1.${2 + i}`, message: 'a', offset: 2 + i, text: '!', answer: progress(i) });
    expect(draws).toEqual({ branch: 1, question: 1, answer: 11 });
    for (const end of stop) end();
  });

  it('knows branches, and which one is shown', () => {
    const store = opened();
    store.apply({ cursor: 'e.2.0', head: { ...head, leaf: 'b' }, messages: [answer('b', 'q', 'Or so.')] });
    expect(store.branch.value).toEqual(['q', 'b']);
    expect(store.siblings('b')).toEqual(['a', 'b']);
  });
});
