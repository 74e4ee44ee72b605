import { Dialog } from '../../shared/dialog.tsx';
import { revoke } from '../cluster/owner.ts';
import { closeDialog } from './dialogs.ts';

export function RevokeDialog({ name }: { name: string }) {
  const confirm = async () => {
    closeDialog();
    await revoke(name);
  };
  return (
    <Dialog title={`Remove ${name}?`} onClose={closeDialog}>
      <p>
        Its links end at once, and it may join no more until it is added anew. Links to join by that were
        given away before are worth nothing from then on.
      </p>
      <div class="row">
        <button type="button" class="quiet" onClick={closeDialog}>
          Cancel
        </button>
        <button type="button" class="main danger" onClick={() => void confirm()}>
          Remove
        </button>
      </div>
    </Dialog>
  );
}
