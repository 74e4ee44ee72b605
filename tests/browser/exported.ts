import type { Conversation, Message } from '../../coordinator/conversations/conversation.ts';

const timeMs = Date.UTC(2026, 10, 22);

export function question(id: string, parent: string | null, text: string): Message {
  return { id, parent, role: 'user', text, createdMs: timeMs };
}

export function answer(id: string, parent: string, text: string): Message {
  return {
    id,
    parent,
    role: 'assistant',
    text,
    createdMs: timeMs,
    answer: {
      state: 'done',
      finish: 'stop',
      model: 'some-model',
      devices: ['den', 'old-laptop'],
      promptTokens: 20,
      cachedTokens: 10,
      answerTokens: 30,
      ttftMs: 410,
      tokensPerSecond: 12.5,
    },
  };
}

/** An export of conversations, each shown to the end. */
export function exported(conversations: Readonly<Record<string, readonly Message[]>>) {
  const whole = Object.entries(conversations).map(
    ([title, messages], index): Conversation => ({
      id: `conversation-${index}`,
      title,
      createdMs: timeMs,
      updatedMs: timeMs,
      settings: {},
      leaf: messages.at(-1)!.id,
      messages: [...messages],
    }),
  );
  return { format: 'hearth-conversations', version: 1, conversations: whole };
}
