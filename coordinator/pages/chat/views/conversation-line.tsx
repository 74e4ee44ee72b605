import { useSignal } from '@preact/signals';
import type { ListedConversation } from '../../../conversations/conversation.ts';
import { exportFile, rename } from '../talk/actions.ts';
import { shownId } from '../talk/address.ts';
import { listOpen, openDialog } from './dialogs.ts';
import { IconButton } from '../../shared/icon-button.tsx';
import { DeleteIcon, EditIcon, ExportIcon } from '../../shared/icons.tsx';

/** One conversation in the list, with what can be done to it. */
export function ConversationLine({ conversation }: { conversation: ListedConversation }) {
  const { id, title, excerpt, answering } = conversation;
  const renaming = useSignal(false);
  const name = title || 'New conversation';
  if (renaming.value) return <TitleEditor id={id} title={title} onDone={() => (renaming.value = false)} />;
  return (
    <li class="line">
      <a
        href={`#${id}`}
        aria-current={shownId.value === id ? 'page' : undefined}
        onClick={() => {
          listOpen.value = false;
        }}
      >
        <span class="title">
          {answering && <span class="ember" role="img" aria-label="Answering" />}
          {name}
        </span>
        {excerpt && <span class="excerpt">{excerpt}</span>}
      </a>
      <span class="line-actions">
        <IconButton label={`Rename ${name}`} onClick={() => (renaming.value = true)}>
          <EditIcon />
        </IconButton>
        <IconButton label={`Export ${name}`} onClick={() => exportFile(id)}>
          <ExportIcon />
        </IconButton>
        <IconButton label={`Delete ${name}`} onClick={() => (openDialog.value = { delete: conversation })}>
          <DeleteIcon />
        </IconButton>
      </span>
    </li>
  );
}

function TitleEditor({ id, title, onDone }: { id: string; title: string; onDone: () => void }) {
  const changed = useSignal(title);
  const save = () => {
    const now = changed.value.trim();
    if (now !== '' && now !== title) void rename(id, now);
    onDone();
  };
  return (
    <li class="line">
      <input
        class="title-editor"
        aria-label="Title"
        maxLength={200}
        value={changed.value}
        ref={(input) => input?.focus()}
        onInput={({ currentTarget }) => {
          changed.value = currentTarget.value;
        }}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === 'Enter') save();
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          onDone();
        }}
      />
    </li>
  );
}
