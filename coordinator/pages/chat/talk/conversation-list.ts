import { signal } from '@preact/signals';
import type { ListedConversation } from '../../../conversations/conversation.ts';
import { ApiError, call } from '../../shared/api.ts';
import { offlineCopies } from './offline-copies.ts';

/** Newest first. */
export const conversationList = signal<readonly ListedConversation[]>([]);
/** What the list is searched for. */
export const searchWords = signal('');

let latest = 0;

/** Asks for the list again; of several that are under way the last one counts. */
export async function refreshList(): Promise<void> {
  latest += 1;
  const own = latest;
  const words = searchWords.value.trim();
  const list = await fetchList(words);
  if (own === latest) conversationList.value = list;
}

async function fetchList(words: string): Promise<ListedConversation[]> {
  try {
    const path = `/api/conversations?search=${encodeURIComponent(words)}`;
    const { conversations } = await call<{ conversations: ListedConversation[] }>('GET', path);
    if (words === '') offlineCopies.keepList(conversations).catch(() => {});
    return conversations;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'UNREACHABLE') throw error;
    const kept = await offlineCopies.list().catch(() => []);
    return kept.filter(({ title }) => title.toLowerCase().includes(words.toLowerCase()));
  }
}
