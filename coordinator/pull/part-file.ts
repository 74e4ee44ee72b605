import { appendFile, type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { FileSource } from '../../device-agent/node/file-source.ts';
import { writing } from '../files/disk.ts';
import { type Chunk, chunkSum, chunksOf } from './chunks.ts';
import { difference, type FileIdentity, journalHead, journalLine, parseJournal } from './journal.ts';
import type { ModelPaths } from './model-paths.ts';
import { fileSha256, type OnRead, rangeSha256 } from './sha256.ts';

export interface PartFileOptions {
  readonly chunkBytes: number;
  /** Is told what does not go as the user may expect. */
  readonly onNote: (note: string) => void;
  readonly onRead: OnRead;
}

/**
 * A model file on its way, with a journal beside it of the chunks that it holds. What the journal claims counts only
 * where the bytes on the disk have the hash that it gives: a process may have been killed, a disk lost its power.
 */
export class PartFile {
  readonly identity: FileIdentity;
  readonly chunks: readonly Chunk[];
  readonly #paths: ModelPaths;
  readonly #handle: FileHandle;
  readonly #done: Map<number, string>;

  private constructor(
    paths: ModelPaths,
    identity: FileIdentity,
    handle: FileHandle,
    chunks: readonly Chunk[],
    done: Map<number, string>,
  ) {
    this.#paths = paths;
    this.identity = identity;
    this.#handle = handle;
    this.chunks = chunks;
    this.#done = done;
  }

  /** Goes on with what is there of this file, else begins. @throws HearthError FILE_WRITE_FAILED, FILE_READ_FAILED */
  static async open(paths: ModelPaths, identity: FileIdentity, options: PartFileOptions): Promise<PartFile> {
    const { chunkBytes, onNote, onRead } = options;
    const chunks = chunksOf(identity.bytes, chunkBytes);
    const claimed = await claimedChunks(paths, identity, options);
    const handle = await writing(paths.part, open(paths.part, claimed.size > 0 ? 'r+' : 'w'));
    try {
      // Without disk space yet; what is missing of it reads as zeros.
      await writing(paths.part, handle.truncate(identity.bytes));
      const done = await verified(paths.part, chunks, claimed, onRead);
      if (done.size < claimed.size)
        onNote(
          `${claimed.size - done.size} of ${claimed.size} chunks on the disk are damaged: fetching them again`,
        );
      await writeJournal(paths.journal, identity, chunkBytes, done);
      return new PartFile(paths, identity, handle, chunks, done);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get missing(): Chunk[] {
    return this.chunks.filter(({ index }) => !this.#done.has(index));
  }

  get doneBytes(): number {
    return this.identity.bytes - chunkSum(this.missing);
  }

  /** @throws HearthError FILE_WRITE_FAILED */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const written = this.#handle.write(bytes, at, bytes.length - at, position + at);
      at += (await writing(this.#paths.part, written)).bytesWritten;
    }
  }

  /** A chunk is written; it need not be on the disk yet. @throws HearthError FILE_WRITE_FAILED */
  async complete({ index }: Chunk, sha256: string): Promise<void> {
    await writing(this.#paths.journal, appendFile(this.#paths.journal, journalLine(index, sha256)));
    this.#done.set(index, sha256);
  }

  /** Of all that is there. */
  sha256(onRead: OnRead): Promise<string> {
    return fileSha256(this.#paths.part, onRead);
  }

  /** The whole file takes its place. @throws HearthError FILE_WRITE_FAILED */
  async finish(): Promise<void> {
    const { part, file, journal } = this.#paths;
    await writing(part, this.#handle.sync());
    await this.#handle.close();
    await writing(file, rename(part, file));
    await rm(journal, { force: true });
  }

  /** Nothing of it is of use. */
  async discard(): Promise<void> {
    await this.#handle.close();
    for (const path of [this.#paths.journal, this.#paths.part]) await rm(path, { force: true });
  }

  /** Leaves what is there for another time. */
  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What the journal says that is there of this file. */
async function claimedChunks(
  { part, journal: path }: ModelPaths,
  identity: FileIdentity,
  { chunkBytes, onNote }: PartFileOptions,
): Promise<ReadonlyMap<number, string>> {
  const nothing = new Map<number, string>();
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return nothing;
  const journal = parseJournal(text);
  if (journal?.chunks.size === 0) return nothing;
  const reason = journal ? difference(journal.identity, identity) : 'its journal cannot be read';
  if (reason === undefined && journal?.chunkBytes === chunkBytes) return journal.chunks;
  onNote(`starting ${part} anew: ${reason ?? 'its chunks are of another size'}`);
  return nothing;
}

async function verified(
  path: string,
  chunks: readonly Chunk[],
  claimed: ReadonlyMap<number, string>,
  onRead: OnRead,
): Promise<Map<number, string>> {
  const done = new Map<number, string>();
  if (claimed.size === 0) return done;
  const source = await FileSource.open(path);
  try {
    for (const { index, start, end } of chunks) {
      const sha256 = claimed.get(index);
      if (sha256 && (await rangeSha256(source, start, end, onRead)) === sha256) done.set(index, sha256);
    }
  } finally {
    await source.close();
  }
  return done;
}

/** Anew, without what a killed process may have half written at its end. */
async function writeJournal(
  path: string,
  identity: FileIdentity,
  chunkBytes: number,
  done: ReadonlyMap<number, string>,
): Promise<void> {
  const lines = [...done].map(([index, sha256]) => journalLine(index, sha256));
  const fresh = `${path}.new`;
  await writing(path, writeFile(fresh, journalHead(identity, chunkBytes) + lines.join('')));
  await writing(path, rename(fresh, path));
}
