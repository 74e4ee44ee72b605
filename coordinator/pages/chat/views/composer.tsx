import { useSignal, useSignalEffect } from '@preact/signals';
import { ask, stop } from '../talk/actions.ts';
import { shown, shownId } from '../talk/address.ts';
import { reachable } from '../../shared/api.ts';
import { saveDraft, savedDraft } from '../talk/drafts.ts';
import { problem } from '../../shared/notices.ts';
import { composerId } from './element-ids.ts';
import { CloseIcon, SendIcon, StopIcon } from '../../shared/icons.tsx';
import { TextArea } from './text-area.tsx';

export function Composer() {
  const id = shownId.value;
  const text = useSignal(savedDraft(id));
  const sending = useSignal(false);
  useSignalEffect(() => saveDraft(id, text.value));
  const answering = shown.value.answering.value;
  const send = async () => {
    if (text.value.trim() === '' || sending.value || answering || !reachable.value) return;
    sending.value = true;
    if (await ask(text.value, shown.value.branch.value.at(-1) ?? null)) text.value = '';
    sending.value = false;
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Notice />
      <div class="box">
        <TextArea id={composerId} label="Message" placeholder="Write a message" text={text} onSend={send} />
        {answering && reachable.value ? (
          <button
            type="button"
            class="round"
            aria-label="Stop the answer"
            title="Stop (Esc)"
            onClick={() => void stop()}
          >
            <StopIcon />
          </button>
        ) : (
          <button
            type="submit"
            class="round"
            aria-label="Send"
            title="Send (Enter)"
            disabled={text.value.trim() === '' || sending.value || !reachable.value}
          >
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
}

/** What went wrong, or that nothing can be asked now. */
function Notice() {
  if (!reachable.value) {
    return (
      <p class="notice" role="alert">
        The coordinator does not answer. What was seen here last can be read; this page connects by itself.
      </p>
    );
  }
  if (problem.value === undefined) return null;
  return (
    <p class="notice failed" role="alert">
      {problem.value}
      <button
        type="button"
        class="quiet square"
        aria-label="Dismiss"
        onClick={() => {
          problem.value = undefined;
        }}
      >
        <CloseIcon />
      </button>
    </p>
  );
}
