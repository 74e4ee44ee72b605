import { randomBytes } from 'node:crypto';
import { HearthError } from '../../runtime/error.ts';
import {
  type Conversation,
  type ConversationHead,
  conversationLimits,
  type Message,
} from './conversation.ts';
import type { MessageTree } from './message-tree.ts';

/** At most so long after it came is text of an answer on the disk. */
const saveDelayMs = 500;

/**
 * A conversation in memory. Whatever changes but text that is appended gets a new revision, so that who has seen one is
 * told only what is newer.
 */
export class OpenConversation {
  /** Revisions are this opening's: another one numbers its own. */
  readonly epoch = randomBytes(6).toString('hex');
  /** Of the last change. */
  revision = 1;
  deleted = false;
  #growing: string | undefined;
  #head: ConversationHead;
  readonly #messages: Map<string, Message>;
  /** By message id; absent: that of the opening. */
  readonly #revisions = new Map<string, number>();
  readonly #write: (conversation: Conversation) => Promise<void>;
  readonly #onSaveFailed: (error: unknown) => void;
  readonly #watchers = new Set<() => void>();
  #saving: Promise<void> = Promise.resolve();
  #nextSave: Promise<void> | undefined;
  #saveTimer: NodeJS.Timeout | undefined;

  constructor(
    { messages, ...head }: Conversation,
    write: (conversation: Conversation) => Promise<void>,
    onSaveFailed: (error: unknown) => void,
  ) {
    this.#head = head;
    this.#messages = new Map(messages.map((message) => [message.id, message]));
    this.#growing = messages.find(({ answer }) => answer?.state === 'answering')?.id;
    this.#write = write;
    this.#onSaveFailed = onSaveFailed;
  }

  get head(): ConversationHead {
    return this.#head;
  }

  get messages(): MessageTree {
    return this.#messages;
  }

  get conversation(): Conversation {
    return { ...this.#head, messages: [...this.#messages.values()] };
  }

  /** The answer that is under way. */
  get growing(): Message | undefined {
    return this.#growing === undefined ? undefined : this.#messages.get(this.#growing);
  }

  /** Whether somebody would miss it in memory. */
  get inUse(): boolean {
    return (
      this.#watchers.size > 0 ||
      this.#growing !== undefined ||
      this.#nextSave !== undefined ||
      this.#saveTimer !== undefined
    );
  }

  /** @throws HearthError CONVERSATION_NOT_FOUND */
  message(id: string): Message {
    const message = this.#messages.get(id);
    if (message) return message;
    throw new HearthError('CONVERSATION_NOT_FOUND', `there is no message "${id}" in this conversation`);
  }

  /** Messages that were added or changed after a revision. */
  changedSince(revision: number): Message[] {
    return [...this.#messages.values()].filter(({ id }) => (this.#revisions.get(id) ?? 1) > revision);
  }

  setHead(changes: Partial<Pick<ConversationHead, 'title' | 'settings' | 'leaf'>>): void {
    this.#head = { ...this.#head, ...changes, updatedMs: Date.now() };
    this.revision += 1;
    this.#wake();
  }

  /** @throws HearthError CONVERSATION_FULL unless so many messages more have room */
  checkRoom(count: number): void {
    if (this.#messages.size + count <= conversationLimits.messages) return;
    const message = `a conversation may have ${conversationLimits.messages} messages: start a new one`;
    throw new HearthError('CONVERSATION_FULL', message, { messages: conversationLimits.messages });
  }

  /**
   * Adds messages behind those that are there, or puts them in their own places.
   * @param leaf the last message of the branch that is then shown
   */
  put(messages: readonly Message[], leaf = this.#head.leaf): void {
    for (const message of messages) {
      const { id, answer } = message;
      this.#messages.set(id, message);
      this.#revisions.set(id, this.revision + 1);
      if (answer?.state === 'answering') this.#growing = id;
      else if (this.#growing === id) this.#growing = undefined;
    }
    this.setHead({ leaf });
  }

  /** The way of an answer's text: watchers learn what is new of it, and it is saved before long. */
  grow(message: Message): void {
    this.#messages.set(message.id, message);
    this.#wake();
    this.#saveTimer ??= setTimeout(() => void this.save().catch(this.#onSaveFailed), saveDelayMs);
  }

  /** Resolves when what is there now is on the disk. Who asks while another save waits for its turn shares it. */
  save(): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    if (this.deleted) return Promise.resolve();
    this.#nextSave ??= this.#saving
      .catch(() => {})
      .then(() => {
        this.#nextSave = undefined;
        return this.deleted ? undefined : this.#write(this.conversation);
      });
    this.#saving = this.#nextSave;
    return this.#nextSave;
  }

  /** Nothing is saved any more once this resolves, and watchers come to their end. */
  async delete(): Promise<void> {
    this.deleted = true;
    clearTimeout(this.#saveTimer);
    this.#wake();
    await this.#saving.catch(() => {});
  }

  /** @param wake called after each change @returns what ends that */
  watch(wake: () => void): () => void {
    this.#watchers.add(wake);
    return () => this.#watchers.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#watchers) wake();
  }
}
