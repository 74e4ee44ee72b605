import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Conversation, ListedConversation } from '../../../conversations/conversation.ts';

interface Copies extends DBSchema {
  conversations: { key: string; value: Conversation };
  lists: { key: 'all'; value: ListedConversation[] };
}

let database: Promise<IDBPDatabase<Copies>> | undefined;

function open(): Promise<IDBPDatabase<Copies>> {
  database ??= openDB<Copies>('hearth-chat', 1, {
    upgrade(created) {
      created.createObjectStore('conversations', { keyPath: 'id' });
      created.createObjectStore('lists');
    },
  });
  return database;
}

/** What this browser last saw, to be read while the coordinator is away. A browser that keeps nothing has none. */
export const offlineCopies = {
  async keep(conversation: Conversation): Promise<void> {
    await (await open()).put('conversations', conversation);
  },

  async conversation(id: string): Promise<Conversation | undefined> {
    return (await open()).get('conversations', id);
  },

  /** Keeps the list, and drops copies of what is no longer on it. */
  async keepList(list: ListedConversation[]): Promise<void> {
    const copies = await open();
    await copies.put('lists', list, 'all');
    const listed = new Set(list.map(({ id }) => id));
    const gone = (await copies.getAllKeys('conversations')).filter((id) => !listed.has(id));
    await Promise.all(gone.map((id) => copies.delete('conversations', id)));
  },

  async list(): Promise<ListedConversation[]> {
    return (await (await open()).get('lists', 'all')) ?? [];
  },
};
