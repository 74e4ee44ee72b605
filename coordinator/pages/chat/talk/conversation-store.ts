import { batch, computed, type Signal, signal } from '@preact/signals';
import type { Conversation, ConversationHead, Message } from '../../../conversations/conversation.ts';
import { branchTo } from '../../../conversations/message-tree.ts';
import type { ConversationEvent, TextEvent } from '../../../conversations/watch-conversation.ts';

/**
 * The conversation that is shown. Each message is a signal of its own, so that a token of the answer under way draws
 * that one message again and nothing else.
 */
export class ConversationStore {
  readonly head = signal<ConversationHead | undefined>(undefined);
  /** Its content is new whenever a message is added or changed, but not for each token. */
  readonly #tree = signal<ReadonlyMap<string, Message>>(new Map());
  readonly #messages = new Map<string, Signal<Message>>();
  /** What the coordinator has told, see docs/conversations.md. */
  cursor: string | undefined;

  /** Ids of the messages shown, first to last. */
  readonly branch = computed(() =>
    branchTo(this.#tree.value, this.head.value?.leaf ?? null).map(({ id }) => id),
  );

  readonly #children = computed(() => {
    const children = new Map<string | null, string[]>();
    for (const { id, parent } of this.#tree.value.values()) {
      const siblings = children.get(parent);
      if (siblings) siblings.push(id);
      else children.set(parent, [id]);
    }
    return children;
  });

  /** The last answer shown. */
  readonly lastAnswer = computed(() => {
    const messages = this.branch.value.map((id) => this.message(id).value);
    return messages.findLast(({ role }) => role === 'assistant');
  });

  readonly answering = computed(() =>
    [...this.#tree.value.values()].some(({ answer }) => answer?.state === 'answering'),
  );

  /** @param id of a message that is there */
  message(id: string): Signal<Message> {
    return this.#messages.get(id)!;
  }

  /** Ids of the messages in the same place, oldest first. */
  siblings(id: string): readonly string[] {
    const parent = this.#tree.value.get(id)?.parent;
    return parent === undefined ? [] : (this.#children.value.get(parent) ?? []);
  }

  get conversation(): Conversation | undefined {
    const head = this.head.peek();
    return head && { ...head, messages: [...this.#messages.values()].map((message) => message.peek()) };
  }

  /** A copy from another time. */
  show({ messages, ...head }: Conversation): void {
    this.cursor = undefined;
    batch(() => {
      this.#change(messages);
      this.head.value = head;
    });
  }

  apply(event: ConversationEvent): void {
    this.cursor = event.cursor;
    batch(() => {
      if ('head' in event) {
        this.#change(event.messages);
        this.head.value = event.head;
      } else this.#grow(event);
    });
  }

  #change(messages: readonly Message[]): void {
    const tree = new Map(this.#tree.peek());
    for (const message of messages) {
      tree.set(message.id, message);
      const shown = this.#messages.get(message.id);
      if (shown) shown.value = message;
      else this.#messages.set(message.id, signal(message));
    }
    this.#tree.value = tree;
  }

  /** Text goes where the event says, so one that comes twice changes nothing. */
  #grow({ message: id, offset, text, answer }: TextEvent): void {
    const shown = this.#messages.get(id);
    const message = shown?.peek();
    if (!shown || !message?.answer) return;
    const whole = message.text.slice(0, offset) + text;
    shown.value = { ...message, text: whole, answer: { ...message.answer, ...answer } };
  }
}
