import type { ComponentChildren } from 'preact';
import { Dialog as AnyDialog } from '../../shared/dialog.tsx';
import { openDialog } from './dialogs.ts';

export function closeDialog(): void {
  openDialog.value = undefined;
}

/** The one that is open. */
export function Dialog({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <AnyDialog title={title} onClose={closeDialog}>
      {children}
    </AnyDialog>
  );
}
