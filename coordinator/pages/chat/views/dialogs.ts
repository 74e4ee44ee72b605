import { signal } from '@preact/signals';
import type { ListedConversation } from '../../../conversations/conversation.ts';

/** What lies over the page. */
export const openDialog = signal<
  'settings' | 'devices' | 'shortcuts' | { delete: ListedConversation } | undefined
>(undefined);

/** Whether the list of conversations covers the page, where that has no room for both. */
export const listOpen = signal(false);

export function isNarrow(): boolean {
  return matchMedia('(max-width: 760px)').matches;
}
