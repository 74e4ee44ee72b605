import type { ConversationEvent } from '../../../conversations/watch-conversation.ts';
import { ApiError } from '../../shared/api.ts';
import { refreshList } from './conversation-list.ts';
import type { ConversationStore } from './conversation-store.ts';
import { readEvents } from '../../shared/event-stream.ts';
import { retryDelayMs, wakened } from '../../shared/retry.ts';
import { offlineCopies } from './offline-copies.ts';

/**
 * Keeps a store as the coordinator's conversation is, through lost connections and restarts, until `signal` aborts.
 * @param onGone called where there is no such conversation, or no longer
 */
export async function follow(
  id: string,
  store: ConversationStore,
  signal: AbortSignal,
  onGone: () => void,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      for await (const event of eventsAfter(id, store.cursor, signal)) {
        failures = 0;
        store.apply(event);
        if ('head' in event) noteChange(store);
      }
      return onGone();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.code === 'CONVERSATION_NOT_FOUND') return onGone();
      if (!store.head.peek()) await showCopy(id, store);
    }
    await wakened(retryDelayMs(failures), signal);
  }
}

function eventsAfter(
  id: string,
  cursor: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent> {
  const after = cursor === undefined ? '' : `?after=${encodeURIComponent(cursor)}`;
  return readEvents(`/api/conversations/${encodeURIComponent(id)}/events${after}`, signal);
}

/** What others show of the conversation changes with it. */
function noteChange(store: ConversationStore): void {
  refreshList().catch(() => {});
  const { conversation } = store;
  if (conversation && !store.answering.peek()) offlineCopies.keep(conversation).catch(() => {});
}

async function showCopy(id: string, store: ConversationStore): Promise<void> {
  const copy = await offlineCopies.conversation(id).catch(() => undefined);
  if (copy && !store.head.peek()) store.show(copy);
}
