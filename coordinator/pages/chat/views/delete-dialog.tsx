import type { ListedConversation } from '../../../conversations/conversation.ts';
import { remove } from '../talk/actions.ts';
import { closeDialog, Dialog } from './dialog.tsx';

export function DeleteDialog({ conversation: { id, title } }: { conversation: ListedConversation }) {
  const confirm = async () => {
    closeDialog();
    await remove(id);
  };
  return (
    <Dialog title="Delete this conversation?">
      <p>“{title || 'New conversation'}” and all its branches will be gone, here and on every other page.</p>
      <div class="row">
        <button type="button" class="quiet" onClick={closeDialog}>
          Cancel
        </button>
        <button type="button" class="main danger" onClick={() => void confirm()}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
