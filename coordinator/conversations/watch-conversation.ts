import type { AnswerRecord, ConversationHead, Message } from './conversation.ts';
import type { OpenConversation } from './open-conversation.ts';

/** What a reader of a conversation is told. It keeps `cursor`, and goes on behind it after a lost connection. */
export type ConversationEvent = ChangeEvent | TextEvent;

/** What is new of the head and the messages; at first all. */
export interface ChangeEvent {
  readonly cursor: string;
  readonly head: ConversationHead;
  readonly messages: readonly Message[];
}

/** More text of the answer that is under way, and how it goes. */
export interface TextEvent {
  readonly cursor: string;
  readonly message: string;
  /** Where the text belongs, in UTF-16 units. */
  readonly offset: number;
  readonly text: string;
  readonly answer: AnswerProgress;
}

/** What of an answer's record changes from token to token. */
export type AnswerProgress = Pick<
  AnswerRecord,
  'promptTokens' | 'cachedTokens' | 'answerTokens' | 'ttftMs' | 'tokensPerSecond'
>;

/** What a reader has: everything up to a revision, and so much of the answer that is under way. */
interface Cursor {
  readonly revision: number;
  readonly textLength: number;
}

/**
 * The events after a cursor, until the conversation is deleted or `signal` aborts. Nothing is queued for a slow reader:
 * it gets more at a time.
 * @param after a cursor of an earlier stream; one that is unknown here begins anew
 */
export async function* watchConversation(
  open: OpenConversation,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ConversationEvent> {
  const changes = new Changes();
  const unwatch = open.watch(() => changes.note());
  signal.addEventListener('abort', () => changes.note(), { once: true });
  try {
    let cursor = parseCursor(open, after);
    while (!open.deleted && !signal.aborted) {
      const found = nextEvent(open, cursor);
      if (found) {
        cursor = found.cursor;
        yield found.event;
      } else await changes.noted();
    }
  } finally {
    unwatch();
  }
}

function nextEvent(
  open: OpenConversation,
  { revision, textLength }: Cursor,
): { event: ConversationEvent; cursor: Cursor } | undefined {
  const { growing } = open;
  const length = growing?.text.length ?? 0;
  if (open.revision > revision) {
    const messages = open.changedSince(revision);
    // A change elsewhere leaves a reader's part of the text as it was.
    const has = growing && !messages.includes(growing) ? textLength : length;
    const cursor = { revision: open.revision, textLength: has };
    return { cursor, event: { cursor: cursorName(open, cursor), head: open.head, messages } };
  }
  if (!growing?.answer || length <= textLength) return undefined;
  const cursor = { revision, textLength: length };
  const event = {
    cursor: cursorName(open, cursor),
    message: growing.id,
    offset: textLength,
    text: growing.text.slice(textLength),
    answer: progressOf(growing.answer),
  };
  return { cursor, event };
}

function progressOf(answer: AnswerRecord): AnswerProgress {
  const { promptTokens, cachedTokens, answerTokens, ttftMs, tokensPerSecond } = answer;
  return { promptTokens, cachedTokens, answerTokens, ttftMs, tokensPerSecond };
}

function cursorName({ epoch }: OpenConversation, { revision, textLength }: Cursor): string {
  return `${epoch}.${revision}.${textLength}`;
}

function parseCursor({ epoch, revision }: OpenConversation, text: string | undefined): Cursor {
  const [, seenEpoch, seen, textLength] = /^(\w+)\.(\d+)\.(\d+)$/.exec(text ?? '') ?? [];
  const known = seenEpoch === epoch && Number(seen) <= revision;
  return known ? { revision: Number(seen), textLength: Number(textLength) } : { revision: 0, textLength: 0 };
}

/** Wakes one waiter; a change that comes while nobody waits is not lost. */
class Changes {
  #pending = false;
  #wake: (() => void) | undefined;

  note(): void {
    this.#pending = true;
    this.#wake?.();
  }

  async noted(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#pending = false;
    this.#wake = undefined;
  }
}
