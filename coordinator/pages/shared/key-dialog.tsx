import { useSignal } from '@preact/signals';
import { saveKey } from './api.ts';
import { attempt } from './notices.ts';
import { Dialog } from './dialog.tsx';

/**
 * Asks for the key that the coordinator was started with; it stays in this browser.
 * @param onEntered asks again for what was refused
 */
export function KeyDialog({ onEntered }: { onEntered: () => Promise<unknown> }) {
  const key = useSignal('');
  return (
    <Dialog title="This coordinator wants its key" onClose={() => {}}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          saveKey(key.value.trim());
          void attempt(onEntered);
        }}
      >
        <label class="field">
          <span>What was given to hearth serve as --api-key</span>
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
