import { signal } from '@preact/signals';
import type { Settings } from '../../../conversations/conversation.ts';
import { ConversationStore } from './conversation-store.ts';
import { follow } from './follow.ts';

/** Id of the conversation that is shown, from the address; undefined for one that is yet to begin. */
export const shownId = signal<string | undefined>(undefined);
export const shown = signal(new ConversationStore());
/** Of a conversation that has no questions yet, and so is not kept. */
export const newSettings = signal<Settings>({});

let following = new AbortController();

/** Shows what the address names, now and whenever it changes. */
export function followAddress(): void {
  addEventListener('hashchange', showAddress);
  showAddress();
}

export function showConversation(id: string | undefined): void {
  location.hash = id ?? '';
}

function showAddress(): void {
  const id = location.hash.slice(1) || undefined;
  if (id === shownId.peek() && id !== undefined) return;
  following.abort();
  following = new AbortController();
  shownId.value = id;
  shown.value = new ConversationStore();
  if (id === undefined) newSettings.value = {};
  else void follow(id, shown.value, following.signal, () => showConversation(undefined));
}
