import { useSignal } from '@preact/signals';
import type { Message } from '../../../conversations/conversation.ts';
import { ask } from '../talk/actions.ts';
import { editing } from './editing.ts';
import { TextArea } from './text-area.tsx';

/** Changes a question: that is asking another one in its place, so both stay. */
export function MessageEditor({ message: { text, parent } }: { message: Message }) {
  const changed = useSignal(text);
  const done = () => {
    editing.value = undefined;
  };
  const send = async () => {
    if (changed.value.trim() !== '' && (await ask(changed.value, parent))) done();
  };
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <TextArea label="Your message" text={changed} onSend={send} onCancel={done} />
      <div class="row">
        <button type="button" class="quiet" onClick={done}>
          Cancel
        </button>
        <button type="submit" class="main">
          Send
        </button>
      </div>
    </form>
  );
}
