import type { ConversationEvent } from '../../../conversations/watch-conversation.ts';
import { ApiError } from './api.ts';
import { refreshList } from './conversation-list.ts';
import type { ConversationStore } from './conversation-store.ts';
import { readEvents } from './event-stream.ts';
import { offlineCopies } from './offline-copies.ts';

/** Between two attempts to connect; the first comes at once. */
const retryDelaysMs = [0, 300, 1000, 2000, 4000];

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
    await wakened(retryDelaysMs[Math.min(failures, retryDelaysMs.length - 1)]!, signal);
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

/** After some time, or as soon as there is reason to hope: the network is back, or somebody looks. */
function wakened(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(wake, delayMs);
    function wake(): void {
      clearTimeout(timer);
      removeEventListener('online', wake);
      document.removeEventListener('visibilitychange', wake);
      signal.removeEventListener('abort', wake);
      resolve();
    }
    addEventListener('online', wake);
    document.addEventListener('visibilitychange', wake);
    signal.addEventListener('abort', wake);
  });
}
