import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { openDialog } from './dialogs.ts';
import { CloseIcon } from '../../shared/icons.tsx';

export function closeDialog(): void {
  openDialog.value = undefined;
}

/** Over the page, with the focus in it; Escape and a click beside it close it. */
export function Dialog({ title, children }: { title: string; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same, by the browser itself.
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onClose={closeDialog}
      onClick={({ target }) => target === dialog.current && closeDialog()}
    >
      <div class="dialog">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="quiet square" aria-label="Close" onClick={closeDialog}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
