import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ListedConversation } from '../../../conversations/conversation.ts';
import { exportFile, importFile } from '../talk/actions.ts';
import { showConversation } from '../talk/address.ts';
import { conversationList, refreshList, searchWords } from '../talk/conversation-list.ts';
import { ConversationLine } from './conversation-line.tsx';
import { listOpen, openDialog } from './dialogs.ts';
import { searchId } from './element-ids.ts';
import { IconButton } from '../../shared/icon-button.tsx';
import {
  CloseIcon,
  ExportIcon,
  FlameIcon,
  ImportIcon,
  KeyboardIcon,
  PlusIcon,
  SearchIcon,
} from '../../shared/icons.tsx';
import { ThemeButton } from '../../shared/theme-button.tsx';

const searchDelayMs = 150;

export function Sidebar() {
  const closeButton = useRef<HTMLButtonElement>(null);
  const close = () => {
    listOpen.value = false;
  };
  // Once it is to be seen, which it is with the next frame, it may have the focus.
  useSignalEffect(() => {
    if (listOpen.value)
      requestAnimationFrame(() => requestAnimationFrame(() => closeButton.current?.focus()));
  });
  const begin = () => {
    showConversation(undefined);
    close();
  };
  return (
    <>
      <nav class={listOpen.value ? 'side open' : 'side'} aria-label="Conversations">
        <div class="brand">
          <FlameIcon />
          <span>Hearth</span>
          <button
            ref={closeButton}
            type="button"
            class="quiet square only-narrow"
            aria-label="Close the list"
            onClick={close}
          >
            <CloseIcon />
          </button>
        </div>
        <button type="button" class="new" onClick={begin}>
          <PlusIcon />
          New conversation
        </button>
        <Search />
        <List />
        <Tools />
      </nav>
      {listOpen.value && (
        <button type="button" class="veil" tabIndex={-1} aria-label="Close the list" onClick={close} />
      )}
    </>
  );
}

function Search() {
  useSignalEffect(() => {
    searchWords.value;
    const timer = setTimeout(() => void refreshList().catch(() => {}), searchDelayMs);
    return () => clearTimeout(timer);
  });
  return (
    <label class="search">
      <SearchIcon />
      <input
        id={searchId}
        type="search"
        placeholder="Search"
        aria-label="Search conversations"
        value={searchWords.value}
        onInput={({ currentTarget }) => {
          searchWords.value = currentTarget.value;
        }}
      />
    </label>
  );
}

function List() {
  const list = conversationList.value;
  if (list.length === 0) {
    return <p class="none">{searchWords.value === '' ? 'Nothing has been said yet.' : 'Nothing found.'}</p>;
  }
  return (
    <div class="list">
      {byTime(list).map(([when, conversations]) => (
        <section key={when} aria-label={when}>
          <p class="when">{when}</p>
          <ul>
            {conversations.map((conversation) => (
              <ConversationLine key={conversation.id} conversation={conversation} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

const dayMs = 24 * 60 * 60 * 1000;

/** The list in parts, newest first. */
function byTime(list: readonly ListedConversation[]): [when: string, conversations: ListedConversation[]][] {
  const today = new Date().setHours(0, 0, 0, 0);
  const parts = new Map<string, ListedConversation[]>();
  for (const conversation of list) {
    const days = Math.ceil((today - conversation.updatedMs) / dayMs);
    const when = days <= 0 ? 'Today' : days === 1 ? 'Yesterday' : days <= 7 ? 'Last seven days' : 'Earlier';
    parts.set(when, [...(parts.get(when) ?? []), conversation]);
  }
  return [...parts];
}

function Tools() {
  const file = useRef<HTMLInputElement>(null);
  const busy = useSignal(false);
  const bring = async (chosen: File | undefined) => {
    if (!chosen) return;
    busy.value = true;
    await importFile(chosen);
    busy.value = false;
    file.current!.value = '';
  };
  return (
    <div class="tools">
      <IconButton label="Import conversations" onClick={() => file.current?.click()} disabled={busy.value}>
        <ImportIcon />
      </IconButton>
      <IconButton label="Export all conversations" onClick={() => void exportFile()}>
        <ExportIcon />
      </IconButton>
      <IconButton
        label="Keyboard shortcuts"
        onClick={() => {
          openDialog.value = 'shortcuts';
        }}
      >
        <KeyboardIcon />
      </IconButton>
      <ThemeButton />
      <input
        ref={file}
        type="file"
        accept="application/json,.json"
        hidden
        aria-label="File to import"
        onChange={({ currentTarget }) => void bring(currentTarget.files?.[0])}
      />
    </div>
  );
}
