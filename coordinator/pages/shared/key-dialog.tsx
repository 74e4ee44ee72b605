import { useSignal } from '@preact/signals';
import { openSession } from './api.ts';
import { Dialog } from './dialog.tsx';
import { attempt } from './notices.ts';

/**
 * Asks for a key of the coordinator, and keeps a session in its place.
 * @param onEntered asks again for what was refused
 */
export function KeyDialog({ onEntered }: { onEntered: () => Promise<unknown> }) {
  const key = useSignal('');
  return (
    <Dialog title="This coordinator wants its key" onClose={() => {}}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(async () => {
            await openSession(key.value.trim());
            await onEntered();
          });
        }}
      >
        <label class="field">
          <span>What hearth serve printed, or hearth key add</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            value={key.value}
            onInput={({ currentTarget }) => {
              key.value = currentTarget.value;
            }}
          />
        </label>
        <div class="row">
          <button type="submit" class="main">
            Enter
          </button>
        </div>
      </form>
    </Dialog>
  );
}
