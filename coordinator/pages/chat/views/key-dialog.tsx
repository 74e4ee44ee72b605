import { useSignal } from '@preact/signals';
import { saveKey } from '../talk/api.ts';
import { refreshList } from '../talk/conversation-list.ts';
import { attempt } from '../talk/notices.ts';
import { refreshServer } from '../talk/server.ts';
import { Dialog } from './dialog.tsx';

/** Asks for the key that the coordinator was started with; it stays in this browser. */
export function KeyDialog() {
  const key = useSignal('');
  return (
    <Dialog title="This coordinator wants its key">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          saveKey(key.value.trim());
          void attempt(() => Promise.all([refreshServer(), refreshList()]));
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
