import type { Conversation, Message, Settings } from '../../../conversations/conversation.ts';
import { newSettings, showConversation, shown, shownId } from './address.ts';
import { call, request } from '../../shared/api.ts';
import { copyText } from '../../shared/clipboard.ts';
import { refreshList } from './conversation-list.ts';
import { saveDraft } from './drafts.ts';
import { announce, attempt } from '../../shared/notices.ts';

/** Path of a conversation's route. */
function path(id: string, action = ''): string {
  return `/api/conversations/${encodeURIComponent(id)}${action}`;
}

/** Asks in the conversation that is shown, which may begin with it. @returns whether it was taken */
export function ask(text: string, parent: string | null): Promise<boolean> {
  return attempt(async () => {
    const id = shownId.peek();
    if (id !== undefined) await call('POST', path(id, '/ask'), { parent, text });
    else await begin(text);
    announce('Asked. The answer is on its way.');
  });
}

/** A conversation that could not begin is not left behind. */
async function begin(text: string): Promise<void> {
  const settings = newSettings.peek();
  const { id } = await call<Conversation>('POST', '/api/conversations', { settings });
  try {
    await call('POST', path(id, '/ask'), { parent: null, text });
  } catch (error) {
    await call('DELETE', path(id));
    throw error;
  }
  saveDraft(undefined, '');
  showConversation(id);
}

export function stop(): Promise<boolean> {
  return inShown((id) => call('POST', path(id, '/stop'), {}));
}

export function answerAgain({ parent }: Message): Promise<boolean> {
  return inShown((id) => call('POST', path(id, '/answer-again'), { message: parent }));
}

export function goOn({ id: message }: Message): Promise<boolean> {
  return inShown((id) => call('POST', path(id, '/continue'), { message }));
}

/** Shows the branch of a message. */
export function showBranch(leaf: string): Promise<boolean> {
  return inShown((id) => call('PATCH', path(id), { leaf }));
}

export function saveSettings(settings: Settings): Promise<boolean> {
  if (shownId.peek() === undefined) newSettings.value = settings;
  return inShown((id) => call('PATCH', path(id), { settings }));
}

export function rename(id: string, title: string): Promise<boolean> {
  return attempt(async () => {
    await call('PATCH', path(id), { title: title.slice(0, 200) });
    await refreshList();
  });
}

export function remove(id: string): Promise<boolean> {
  return attempt(async () => {
    await call('DELETE', path(id));
    saveDraft(id, '');
    if (shownId.peek() === id) showConversation(undefined);
    await refreshList();
    announce('Deleted.');
  });
}

/** Saves a conversation, or all, as a file. */
export function exportFile(id?: string): Promise<boolean> {
  return attempt(async () => {
    const response = await request('GET', id === undefined ? '/api/export' : path(id, '/export'));
    const title = id === undefined ? undefined : shown.peek().head.peek()?.title;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${(title || 'hearth-conversations').replace(/[^\p{L}\p{N} -]/gu, '').trim() || 'hearth'}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}

export function importFile(file: File): Promise<boolean> {
  return attempt(async () => {
    const response = await request('POST', '/api/import', { body: file });
    const { ids } = (await response.json()) as { ids: string[] };
    await refreshList();
    if (ids[0] !== undefined) showConversation(ids[0]);
    announce(`${ids.length} conversations imported.`);
  });
}

export function copy(text: string): Promise<boolean> {
  return attempt(async () => {
    await copyText(text);
    announce('Copied.');
  });
}

function inShown(action: (id: string) => Promise<unknown>): Promise<boolean> {
  const id = shownId.peek();
  return id === undefined ? Promise.resolve(true) : attempt(() => action(id));
}
