import type { Signal } from '@preact/signals';
import { memo } from 'preact/compat';
import type { Message } from '../../../conversations/conversation.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { AnswerFacts } from './answer-facts.tsx';
import { editing } from './editing.ts';
import { MessageActions } from './message-actions.tsx';
import { MessageEditor } from './message-editor.tsx';

/** One message; it draws itself again when it changes, whatever else does. */
export const MessageView = memo(({ message }: { message: Signal<Message> }) => {
  const { id, role, text, answer } = message.value;
  if (role === 'user') {
    return (
      <article class="message user" aria-label="You" data-id={id}>
        <h2 class="unseen">You</h2>
        {editing.value === id ? <MessageEditor message={message.value} /> : <p class="plain said">{text}</p>}
        <MessageActions message={message.value} />
      </article>
    );
  }
  const growing = answer?.state === 'answering';
  return (
    <article
      class="message assistant"
      aria-label="Answer"
      aria-busy={growing}
      data-id={id}
      data-state={answer?.state}
    >
      <h2 class="unseen">Answer</h2>
      {text === '' && growing ? <Waiting /> : <Markdown text={text} growing={growing} />}
      <AnswerEnd message={message.value} />
      <footer>
        {answer && <AnswerFacts answer={answer} />}
        <MessageActions message={message.value} />
      </footer>
    </article>
  );
});

function Waiting() {
  return (
    <p class="waiting">
      <span class="ember" />
      Reading the question…
    </p>
  );
}

/** Why an answer is not whole. */
function AnswerEnd({ message: { answer } }: { message: Message }) {
  if (answer?.state === 'failed') {
    return <p class="end failed">{answer.error?.message ?? 'The answer failed.'}</p>;
  }
  if (answer?.state === 'interrupted')
    return <p class="end">Interrupted: the coordinator ended meanwhile.</p>;
  if (answer?.state === 'stopped') return <p class="end">Stopped.</p>;
  if (answer?.finish === 'length') return <p class="end">Ended at the limit of its length.</p>;
  return null;
}
