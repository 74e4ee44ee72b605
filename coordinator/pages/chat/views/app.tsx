import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { handleShortcut } from '../keyboard/shortcuts.ts';
import { shown, shownId } from '../talk/address.ts';
import { keyWanted } from '../../shared/api.ts';
import { announce, announcement } from '../../shared/notices.ts';
import { refreshList } from '../talk/conversation-list.ts';
import { refreshServer } from '../talk/server.ts';
import { Composer } from './composer.tsx';
import { DeleteDialog } from './delete-dialog.tsx';
import { DevicesDialog } from './devices-dialog.tsx';
import { isNarrow, listOpen, openDialog } from './dialogs.ts';
import { Header } from './header.tsx';
import { KeyDialog } from '../../shared/key-dialog.tsx';
import { Messages } from './messages.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { ShortcutsDialog } from './shortcuts-dialog.tsx';
import { Sidebar } from './sidebar.tsx';

export function App() {
  useEffect(() => {
    addEventListener('keydown', handleShortcut);
    return () => removeEventListener('keydown', handleShortcut);
  }, []);
  useAnswerAnnouncements();
  useSignalEffect(() => {
    document.title = shown.value.head.value?.title || 'Hearth';
  });
  return (
    <div class="page">
      <Sidebar />
      <main inert={listOpen.value && isNarrow()}>
        <Header />
        <Messages key={shownId.value ?? 'new'} />
        <Composer key={`composer ${shownId.value}`} />
      </main>
      <OpenDialog />
      <p class="unseen" role="status">
        {announcement}
      </p>
    </div>
  );
}

function OpenDialog() {
  if (keyWanted.value) return <KeyDialog onEntered={() => Promise.all([refreshServer(), refreshList()])} />;
  const open = openDialog.value;
  if (open === undefined) return null;
  if (open === 'settings') return <SettingsDialog />;
  if (open === 'devices') return <DevicesDialog />;
  if (open === 'shortcuts') return <ShortcutsDialog />;
  return <DeleteDialog conversation={open.delete} />;
}

/** A screen reader hears an answer once, when it is whole, and not token by token. */
function useAnswerAnnouncements(): void {
  const wasAnswering = useRef(false);
  useSignalEffect(() => {
    const answering = shown.value.answering.value;
    const answer = shown.value.lastAnswer.peek();
    if (wasAnswering.current && !answering && answer) announce(`Answer: ${answer.text.slice(0, 2000)}`);
    wasAnswering.current = answering;
  });
}
