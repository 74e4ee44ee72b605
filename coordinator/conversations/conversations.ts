import { randomUUID } from 'node:crypto';
import { HearthError } from '../../runtime/error.ts';
import { AnswerRun, type Asking } from './answer-run.ts';
import type { ListedConversation, Message, Settings } from './conversation.ts';
import { type ConversationShelf, interrupted } from './conversation-shelf.ts';
import { branchTo, newestLeaf } from './message-tree.ts';
import type { OpenConversation } from './open-conversation.ts';

/** What may be changed of a conversation by hand. */
export interface ConversationChanges {
  readonly title?: string | undefined;
  readonly settings?: Settings | undefined;
  /** A message; its branch is shown, to where it was left. */
  readonly leaf?: string | undefined;
}

export interface ConversationsOptions {
  readonly shelf: ConversationShelf;
  readonly asking: Asking;
  /** Told of what fails while nobody waits for it. */
  readonly onError: (error: unknown) => void;
}

/** So often an answer is taken up without a token more. */
const mostAttempts = 3;

/** What is done with conversations, and the answers under way in them: one at a time in each. */
export class Conversations {
  readonly shelf: ConversationShelf;
  readonly #asking: Asking;
  readonly #onError: (error: unknown) => void;
  /** By conversation; a question that is being put has none yet. */
  readonly #runs = new Map<string, AnswerRun | undefined>();

  constructor({ shelf, asking, onError }: ConversationsOptions) {
    this.shelf = shelf;
    this.#asking = asking;
    this.#onError = onError;
  }

  /** @throws HearthError as `ConversationShelf.list` */
  async list(search?: string): Promise<ListedConversation[]> {
    const found = await this.shelf.list(search);
    return found.map((summary) => ({ ...summary, answering: this.#isAnswering(summary.id) }));
  }

  /** @throws HearthError as `ConversationShelf.get`; CONVERSATION_NOT_FOUND of a leaf too */
  async change(id: string, { title, settings, leaf }: ConversationChanges): Promise<void> {
    const open = await this.shelf.get(id);
    open.setHead({
      ...(title !== undefined && { title }),
      ...(settings && { settings }),
      ...(leaf !== undefined && { leaf: newestLeaf(open.messages, open.message(leaf).id) }),
    });
    await open.save();
  }

  /** @throws HearthError as `ConversationShelf.get` */
  async delete(id: string): Promise<void> {
    this.#runs.get(id)?.end('stopped');
    await this.shelf.delete(id);
  }

  /**
   * Adds a question and has it answered.
   * @param parent the message that it follows; null is another beginning of the conversation
   * @throws HearthError as `ConversationShelf.get`; CONVERSATION_BUSY, CONVERSATION_FULL; REQUEST_INVALID; as `Ask`
   */
  async ask(id: string, parent: string | null, text: string): Promise<void> {
    const open = await this.shelf.get(id);
    if (parent !== null) checkRole(open.message(parent), 'assistant', 'parent');
    const question: Message = { id: randomUUID(), parent, role: 'user', text, createdMs: Date.now() };
    await this.#answer(open, question, newAnswer(question.id));
  }

  /** Gives another answer to a question. @throws HearthError as `ask` */
  async answerAgain(id: string, question: string): Promise<void> {
    const open = await this.shelf.get(id);
    checkRole(open.message(question), 'user', 'message');
    await this.#answer(open, undefined, newAnswer(question));
  }

  /** Goes on with an answer that ended too early. @throws HearthError as `ask` */
  async goOn(id: string, answer: string): Promise<void> {
    const open = await this.shelf.get(id);
    checkRole(open.message(answer), 'assistant', 'message');
    await this.#answer(open, undefined, open.message(answer));
  }

  /** Ends the answer that is under way, if one is, and waits until it is kept. @throws HearthError as `get` */
  async stop(id: string): Promise<void> {
    const open = await this.shelf.get(id);
    const run = this.#runs.get(id);
    run?.end('stopped');
    await run?.finished;
    if (run || !open.growing?.answer) return;
    // It waits to be taken up.
    open.put([{ ...open.growing, answer: { ...open.growing.answer, state: 'stopped' } }]);
    await open.save();
  }

  /** Goes on with the answers that a coordinator left behind when it died, once there is a model. */
  async takeUp(): Promise<void> {
    for (const id of await this.shelf.journaled()) await this.#takeUp(id).catch(this.#onError);
  }

  /** Ends all answers, to be continued another time. */
  async close(): Promise<void> {
    for (const run of this.#runs.values()) run?.end('interrupted');
    await Promise.all([...this.#runs.values()].map((run) => run?.finished));
    await this.shelf.close();
  }

  #isAnswering(id: string): boolean {
    return this.#runs.has(id) && !this.#runs.get(id)?.ended;
  }

  async #takeUp(id: string): Promise<void> {
    const open = await this.shelf.get(id);
    const message = open.growing;
    const begun = await this.shelf.readJournal(id);
    const journal = await this.shelf.takeUpJournal(id);
    try {
      // Else its end is kept already, or nobody was told of it, or it is what ends coordinators.
      if (message && message.id === begun?.message && begun.attempts < mostAttempts) {
        const asked = this.#asking.takeUp(begun);
        const text = begun.begun + asked.answer.restored.text;
        const run = new AnswerRun(open, { ...message, text }, asked, journal, this.#onError);
        this.#follow(id, run);
        open.put([run.message]);
        return;
      }
    } catch (error) {
      this.#onError(error);
    }
    if (message) open.put([interrupted(message)]);
    await open.save();
    await journal.remove();
  }

  #follow(id: string, run: AnswerRun): void {
    this.#runs.set(id, run);
    run.finished.then(() => this.#runs.get(id) === run && this.#runs.delete(id));
  }

  /** @param answer as far as it got: a new one, or one to go on with */
  async #answer(open: OpenConversation, question: Message | undefined, answer: Message): Promise<void> {
    const { id, title, settings } = open.head;
    if (this.#isAnswering(id) || open.growing) {
      throw new HearthError(
        'CONVERSATION_BUSY',
        'an answer is under way in this conversation: stop it first',
      );
    }
    open.checkRoom(2);
    this.#runs.set(id, undefined);
    const before = question
      ? branchTo(open.messages, question.parent)
      : branchTo(open.messages, answer.parent);
    const messages = question ? [...before, question] : before;
    try {
      const asked = await this.#asking.ask({ messages, settings, begun: answer.text });
      const begun = { message: answer.id, begun: answer.text, model: asked.model, request: asked.request };
      const journal = await this.shelf.beginJournal(id, begun).catch(this.#onError);
      const run = new AnswerRun(open, answer, asked, journal ?? undefined, this.#onError);
      this.#follow(id, run);
      if (open.deleted) run.end('stopped');
      if (question && title === '') open.setHead({ title: titleOf(question.text) });
      open.put(question ? [question, run.message] : [run.message], answer.id);
    } catch (error) {
      this.#runs.delete(id);
      throw error;
    }
    await open.save();
  }
}

function newAnswer(question: string): Message {
  return { id: randomUUID(), parent: question, role: 'assistant', text: '', createdMs: Date.now() };
}

function checkRole({ role }: Message, wanted: Message['role'], field: string): void {
  if (role === wanted) return;
  throw new HearthError('REQUEST_INVALID', `${field} must be a message of the ${wanted}`, { field });
}

/** The first line of a question, or what fits of it. */
function titleOf(question: string): string {
  const line = question.trim().split('\n', 1)[0]!.replace(/\s+/g, ' ');
  return line.length <= 60 ? line : `${line.slice(0, 60).replace(/\s\S*$/, '')}…`;
}
