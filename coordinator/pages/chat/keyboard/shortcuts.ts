import { answerAgain, copy, stop } from '../talk/actions.ts';
import { showConversation, shown } from '../talk/address.ts';
import { isNarrow, listOpen, openDialog } from '../views/dialogs.ts';
import { editing } from '../views/editing.ts';
import { composerId, searchId } from '../views/element-ids.ts';

interface Shortcut {
  /** As people read them, parted by blanks; Ctrl is ⌘ on a Mac. */
  readonly keys: string;
  readonly does: string;
  /** Absent where the text field itself knows the keys. */
  readonly run?: () => void;
}

export const shortcuts: readonly Shortcut[] = [
  { keys: 'Enter', does: 'Send' },
  { keys: 'Shift Enter', does: 'New line' },
  { keys: 'Escape', does: 'Stop the answer', run: () => closeOrStop() },
  { keys: 'Ctrl K', does: 'Search conversations', run: () => toSearch() },
  { keys: 'Ctrl Shift O', does: 'New conversation', run: () => showConversation(undefined) },
  { keys: 'Ctrl Shift L', does: 'Write a message', run: () => document.getElementById(composerId)?.focus() },
  { keys: 'Ctrl Shift E', does: 'Edit your last message', run: () => editLast() },
  { keys: 'Ctrl Shift G', does: 'Answer again', run: () => again() },
  {
    keys: 'Ctrl Shift Y',
    does: 'Copy the last answer',
    run: () => void copy(shown.peek().lastAnswer.peek()?.text ?? ''),
  },
  { keys: 'Ctrl ,', does: 'System prompt and sampling', run: () => open('settings') },
  { keys: 'Ctrl /', does: 'This list', run: () => open('shortcuts') },
];

/** Runs what the keys stand for, unless something lies over the page. */
export function handleShortcut(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  const shortcut = shortcuts.find(({ keys, run }) => run && matches(event, keys));
  if (!shortcut) return;
  event.preventDefault();
  shortcut.run!();
}

export function matches(event: KeyboardEvent, keys: string): boolean {
  const parts = keys.split(' ');
  const key = parts.at(-1)!.toLowerCase();
  return (
    event.key.toLowerCase() === key &&
    (event.ctrlKey || event.metaKey) === parts.includes('Ctrl') &&
    event.shiftKey === parts.includes('Shift') &&
    !event.altKey
  );
}

function open(dialog: 'settings' | 'shortcuts'): void {
  openDialog.value = dialog;
}

function closeOrStop(): void {
  if (listOpen.peek()) listOpen.value = false;
  else if (shown.peek().answering.peek()) void stop();
}

function toSearch(): void {
  listOpen.value = isNarrow();
  // A list that was closed has the focus on its own, once it is open.
  setTimeout(() => document.getElementById(searchId)?.focus(), isNarrow() ? 100 : 0);
}

function editLast(): void {
  const store = shown.peek();
  const id = store.branch.peek().findLast((each) => store.message(each).peek().role === 'user');
  if (!store.answering.peek()) editing.value = id;
}

function again(): void {
  const answer = shown.peek().lastAnswer.peek();
  if (answer && !shown.peek().answering.peek()) void answerAgain(answer);
}
