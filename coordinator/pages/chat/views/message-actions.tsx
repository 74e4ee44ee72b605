import { useSignal } from '@preact/signals';
import type { Message } from '../../../conversations/conversation.ts';
import { answerAgain, copy, goOn, showBranch } from '../talk/actions.ts';
import { shown } from '../talk/address.ts';
import { reachable } from '../../shared/api.ts';
import { editing } from './editing.ts';
import { IconButton } from '../../shared/icon-button.tsx';
import {
  AgainIcon,
  CheckIcon,
  ContinueIcon,
  CopyIcon,
  EditIcon,
  LeftIcon,
  RightIcon,
} from '../../shared/icons.tsx';

/** What can be done with a message. While an answer is under way, only what leaves it alone. */
export function MessageActions({ message }: { message: Message }) {
  const { id, role, text, answer } = message;
  if (editing.value === id) return null;
  const free = !shown.value.answering.value && reachable.value;
  const isLast = shown.value.branch.value.at(-1) === id;
  const unfinished = answer && (answer.state !== 'done' || answer.finish === 'length');
  return (
    <div class="actions">
      <Branches id={id} />
      {text !== '' && answer?.state !== 'answering' && <CopyAction text={text} />}
      {role === 'user' && free && (
        <IconButton
          label="Edit"
          onClick={() => {
            editing.value = id;
          }}
        >
          <EditIcon />
        </IconButton>
      )}
      {role === 'assistant' && free && (
        <IconButton label="Answer again" onClick={() => answerAgain(message)}>
          <AgainIcon />
        </IconButton>
      )}
      {unfinished && free && isLast && (
        <button type="button" class="quiet continue" onClick={() => goOn(message)}>
          <ContinueIcon />
          Continue
        </button>
      )}
    </div>
  );
}

/** ‹ 2/3 › */
function Branches({ id }: { id: string }) {
  const siblings = shown.value.siblings(id);
  const place = siblings.indexOf(id);
  if (siblings.length < 2) return null;
  const go = (to: number) => () => showBranch(siblings[to]!);
  return (
    <span class="branches" role="group" aria-label="Branches">
      <IconButton label="Previous branch" disabled={place === 0} onClick={go(place - 1)}>
        <LeftIcon />
      </IconButton>
      <span class="number">
        {place + 1}/{siblings.length}
      </span>
      <IconButton label="Next branch" disabled={place === siblings.length - 1} onClick={go(place + 1)}>
        <RightIcon />
      </IconButton>
    </span>
  );
}

function CopyAction({ text }: { text: string }) {
  const copied = useSignal(false);
  const copyText = async () => {
    copied.value = await copy(text);
    setTimeout(() => {
      copied.value = false;
    }, 1500);
  };
  return (
    <IconButton label={copied.value ? 'Copied' : 'Copy'} onClick={copyText}>
      {copied.value ? <CheckIcon /> : <CopyIcon />}
    </IconButton>
  );
}
