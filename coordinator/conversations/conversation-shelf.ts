import { randomUUID } from 'node:crypto';
import { HearthError } from '../../runtime/error.ts';
import {
  type Conversation,
  type ConversationSummary,
  conversationLimits,
  type FoundConversation,
  type Message,
  type Settings,
} from './conversation.ts';
import { AnswerJournal, type BegunAnswer, type JournaledAnswer, readJournal } from './answer-journal.ts';
import { ConversationFolder, journaledIn } from './conversation-folder.ts';
import { OpenConversation } from './open-conversation.ts';
import { mentions } from './search.ts';

/** So many conversations stay in memory that nobody looks at and nothing is answered in. */
const idleConversations = 16;

/** All conversations of one user: a line of each in memory, all else in files, but for those in use. */
export class ConversationShelf {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  #folder: Promise<ConversationFolder> | undefined;
  readonly #summaries = new Map<string, ConversationSummary>();
  /** In the order of their last use. */
  readonly #open = new Map<string, Promise<OpenConversation>>();

  /**
   * @param path folder of the files; it is not touched before it is needed
   * @param onError told of what fails while nobody waits for it
   */
  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** Newest first; with `search`, those that speak of it. @throws HearthError CONVERSATION_LOCKED, FILE_WRITE_FAILED */
  async list(search = ''): Promise<FoundConversation[]> {
    await this.#files();
    const summaries = [...this.#summaries.values()].sort((a, b) => b.updatedMs - a.updatedMs);
    if (search.trim() === '') return summaries;
    const found: FoundConversation[] = [];
    for (const summary of summaries) {
      const conversation = await this.#peek(summary.id);
      const excerpt = conversation && mentions(conversation, search);
      if (excerpt !== undefined) found.push({ ...summary, excerpt });
    }
    return found;
  }

  /** @throws HearthError as `add` */
  create(settings: Settings): Promise<Conversation> {
    const nowMs = Date.now();
    const head = { id: randomUUID(), title: '', createdMs: nowMs, updatedMs: nowMs, settings, leaf: null };
    return this.add({ ...head, messages: [] });
  }

  /**
   * Keeps a conversation that comes from elsewhere; where its id is taken, under another one.
   * @throws HearthError CONVERSATION_FULL, and as `list`
   */
  async add(given: Conversation): Promise<Conversation> {
    const folder = await this.#files();
    if (this.#summaries.size >= conversationLimits.conversations) {
      const message = `there may be ${conversationLimits.conversations} conversations: delete some first`;
      throw new HearthError('CONVERSATION_FULL', message, {
        conversations: conversationLimits.conversations,
      });
    }
    const conversation = this.#summaries.has(given.id) ? { ...given, id: randomUUID() } : given;
    const kept = { ...conversation, messages: conversation.messages.map(interrupted) };
    this.#summarize(kept);
    await folder.write(kept);
    return kept;
  }

  /** @throws HearthError CONVERSATION_NOT_FOUND, FILE_READ_FAILED, and as `list` */
  async get(id: string): Promise<OpenConversation> {
    const folder = await this.#files();
    const opening = this.#open.get(id) ?? this.#read(folder, id);
    this.#open.delete(id);
    this.#open.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      this.#open.delete(id);
      throw error;
    } finally {
      await this.#forgetIdle();
    }
  }

  /** Conversations in which an answer was not ended. Where there are none, the folder is not touched. */
  journaled(): Promise<string[]> {
    return journaledIn(this.#path);
  }

  /** Writes down what a conversation's answer is asked of. @throws HearthError FILE_WRITE_FAILED, and as `list` */
  async beginJournal(id: string, begun: BegunAnswer): Promise<AnswerJournal> {
    return AnswerJournal.begin((await this.#files()).journal(id), begun);
  }

  /** @returns undefined where nothing can be gone on with @throws HearthError as `list` */
  async readJournal(id: string): Promise<JournaledAnswer | undefined> {
    return readJournal((await this.#files()).journal(id));
  }

  /** @throws HearthError as `beginJournal` */
  async takeUpJournal(id: string): Promise<AnswerJournal> {
    return AnswerJournal.takeUp((await this.#files()).journal(id));
  }

  /** @throws HearthError as `get` */
  async delete(id: string): Promise<void> {
    const folder = await this.#files();
    const open = await this.get(id);
    await open.delete();
    await folder.remove(id);
    this.#open.delete(id);
    this.#summaries.delete(id);
  }

  /** Everything, one after the other. What is damaged is left out. */
  async *all(): AsyncGenerator<Conversation> {
    await this.#files();
    for (const id of [...this.#summaries.keys()]) {
      const conversation = await this.#peek(id);
      if (conversation) yield conversation;
    }
  }

  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    await folder?.close();
  }

  /** Who serves the API alone keeps no conversations: the folder is opened when it is first needed. */
  #files(): Promise<ConversationFolder> {
    this.#folder ??= this.#openFolder().catch((error) => {
      this.#folder = undefined;
      throw error;
    });
    return this.#folder;
  }

  async #openFolder(): Promise<ConversationFolder> {
    const folder = await ConversationFolder.open(this.#path);
    for (const id of await folder.ids()) {
      const conversation = await folder.read(id).catch(this.#onError);
      if (conversation) this.#summarize(conversation);
    }
    return folder;
  }

  async #read(folder: ConversationFolder, id: string): Promise<OpenConversation> {
    const conversation = this.#summaries.has(id) ? await folder.read(id) : undefined;
    if (!conversation) throw new HearthError('CONVERSATION_NOT_FOUND', `there is no conversation "${id}"`);
    const write = async (changed: Conversation): Promise<void> => {
      this.#summarize(changed);
      await folder.write(changed);
    };
    const isJournaled = (await this.journaled()).includes(id);
    const messages = isJournaled ? conversation.messages : conversation.messages.map(interrupted);
    return new OpenConversation({ ...conversation, messages }, write, this.#onError);
  }

  /** Reads one without taking it into use. */
  async #peek(id: string): Promise<Conversation | undefined> {
    const open = await this.#open.get(id);
    return open?.conversation ?? (await (await this.#files()).read(id).catch(() => undefined));
  }

  #summarize({ id, title, createdMs, updatedMs, messages }: Conversation): void {
    this.#summaries.set(id, { id, title, createdMs, updatedMs, messageCount: messages.length });
  }

  async #forgetIdle(): Promise<void> {
    for (const [id, opening] of [...this.#open]) {
      if (this.#open.size <= idleConversations) return;
      const open = await opening.catch(() => undefined);
      if (!open?.inUse) this.#open.delete(id);
    }
  }
}

/** An answer that nobody works at any more ended with the coordinator that did. */
export function interrupted(message: Message): Message {
  const { answer } = message;
  return answer?.state === 'answering'
    ? { ...message, answer: { ...answer, state: 'interrupted' } }
    : message;
}
