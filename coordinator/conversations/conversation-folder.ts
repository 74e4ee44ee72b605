import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { writing } from '../files/disk.ts';
import { lockHolder, takeLock } from '../pull/lock.ts';
import { type Conversation, conversationLimits, conversationSchema } from './conversation.ts';

/** Where conversations are kept: `HEARTH_CONVERSATIONS`, else the user's data folder (XDG). */
export function conversationsPath(): string {
  const { HEARTH_CONVERSATIONS, XDG_DATA_HOME } = process.env;
  return (
    HEARTH_CONVERSATIONS ||
    join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'hearth', 'conversations')
  );
}

const ending = '.json';
const unfinishedEnding = '.part';
const journalEnding = '.answer';
/** Of the files' own format, apart from that of exports. */
const format = 'hearth-conversation-1';

/**
 * Conversations as files of JSON, one each, that only this user can read. A file is written beside the old one and then
 * takes its place, so whatever is killed, one of both is there whole.
 */
export class ConversationFolder {
  readonly #path: string;
  readonly #unlock: () => Promise<void>;

  private constructor(path: string, unlock: () => Promise<void>) {
    this.#path = path;
    this.#unlock = unlock;
  }

  /** @throws HearthError CONVERSATION_LOCKED if another coordinator has it; FILE_WRITE_FAILED */
  static async open(path: string): Promise<ConversationFolder> {
    await writing(path, mkdir(path, { recursive: true, mode: 0o700 }));
    const lock = join(path, 'lock');
    // A process opens it once, so its own id there is a dead namesake's: in a container all may be process 1.
    if ((await lockHolder(lock)) === process.pid) await rm(lock, { force: true });
    const unlock = await takeLock(lock, (holder) => locked(path, lock, holder));
    for (const name of await readdir(path))
      if (name.endsWith(unfinishedEnding)) await rm(join(path, name), { force: true });
    return new ConversationFolder(path, unlock);
  }

  async ids(): Promise<string[]> {
    const names = await readdir(this.#path);
    return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  }

  /**
   * @returns undefined where there is none
   * @throws HearthError FILE_READ_FAILED if it is damaged
   */
  async read(id: string): Promise<Conversation | undefined> {
    const path = this.#file(id);
    try {
      const { format: found, ...conversation } = JSON.parse(await readFile(path, 'utf8'));
      if (found !== format) throw new Error(`its format is not ${format}`);
      return conversationSchema.parse(conversation);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const message = `cannot read the conversation in ${path}: mend or remove the file`;
      throw new HearthError('FILE_READ_FAILED', message, { path }, cause);
    }
  }

  /** @throws HearthError CONVERSATION_FULL, FILE_WRITE_FAILED; what was there before is then still there */
  async write(conversation: Conversation): Promise<void> {
    const text = JSON.stringify({ format, ...conversation });
    if (Buffer.byteLength(text) > conversationLimits.fileBytes) {
      const message = 'this conversation has become too long to keep: start a new one';
      throw new HearthError('CONVERSATION_FULL', message, { maxBytes: conversationLimits.fileBytes });
    }
    const path = this.#file(conversation.id);
    await writing(path, replaceFile(path, text));
  }

  async remove(id: string): Promise<void> {
    for (const path of [this.#file(id), this.journal(id)]) await writing(path, rm(path, { force: true }));
  }

  /** Path of what is written down of the answer under way in a conversation. */
  journal(id: string): string {
    return journalIn(this.#path, id);
  }

  close(): Promise<void> {
    return this.#unlock();
  }

  #file(id: string): string {
    return join(this.#path, id + ending);
  }
}

function journalIn(folder: string, id: string): string {
  return join(folder, id + journalEnding);
}

/** Conversations in which an answer was not ended; the folder need not be there. */
export async function journaledIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.endsWith(journalEnding))
    .map((name) => name.slice(0, -journalEnding.length));
}

async function replaceFile(path: string, text: string): Promise<void> {
  const unfinished = path + unfinishedEnding;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(text);
    // Else, after a power failure, the name could stand for a file whose content never came.
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
}

function locked(path: string, lock: string, holder: number | undefined): HearthError {
  const message =
    `another coordinator (process ${holder ?? 'unknown'}) keeps the conversations in ${path}: stop it, or give this one ` +
    `a folder of its own by HEARTH_CONVERSATIONS; if it is none, remove ${lock}`;
  return new HearthError('CONVERSATION_LOCKED', message, { path, ...(holder && { holder }) });
}
