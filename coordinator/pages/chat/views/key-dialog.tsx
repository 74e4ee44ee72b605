import { useSignal } from '@preact/signals';
import { openSession } from '../talk/api.ts';
import { refreshList } from '../talk/conversation-list.ts';
import { attempt } from '../talk/notices.ts';
import { refreshServer } from '../talk/server.ts';
import { Dialog } from './dialog.tsx';

/** Asks for a key of the coordinator, and keeps a session in its place. */
export function KeyDialog() {
  const key = useSignal('');
  return (
    <Dialog title="This coordinator wants its key">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(async () => {
            await openSession(key.value.trim());
            await Promise.all([refreshServer(), refreshList()]);
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
