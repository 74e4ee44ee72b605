import { isSha256 } from './sha256.ts';

/** What makes two downloads ones of the same file. */
export interface FileIdentity {
  /** Without its query, which may hold a signature. */
  readonly url: string;
  readonly bytes: number;
  /** Of the whole file, in hex, where the source tells it. */
  readonly sha256?: string | undefined;
  readonly validator?: string | undefined;
}

/** What a part file is known to hold. */
export interface Journal {
  readonly identity: FileIdentity;
  readonly chunkBytes: number;
  /** SHA-256 in hex of the chunks that are there, by index. */
  readonly chunks: ReadonlyMap<number, string>;
}

const format = 'hearth-pull-1';

/** A journal is lines of JSON: this one, then one for each chunk in the order in which they came. */
export function journalHead(identity: FileIdentity, chunkBytes: number): string {
  return `${JSON.stringify({ format, chunkBytes, ...identity })}\n`;
}

export function journalLine(index: number, sha256: string): string {
  return `${JSON.stringify({ chunk: index, sha256 })}\n`;
}

/**
 * Reads what a process that may have been killed has written: a line that is not whole ends it.
 * @returns undefined where the first line already is none of a journal
 */
export function parseJournal(text: string): Journal | undefined {
  const [head, ...lines] = text.split('\n').slice(0, -1).map(parseLine);
  if (head?.format !== format) return undefined;
  const { url, bytes, sha256, validator, chunkBytes } = head;
  if (typeof url !== 'string' || !isCount(bytes) || !isCount(chunkBytes)) return undefined;
  const chunks = new Map<number, string>();
  for (const line of lines) {
    if (!line || !isIndex(line.chunk, bytes / chunkBytes) || !isSha256(line.sha256)) break;
    chunks.set(line.chunk, line.sha256);
  }
  const identity = {
    url,
    bytes,
    ...(isSha256(sha256) && { sha256 }),
    ...(typeof validator === 'string' && { validator }),
  };
  return { identity, chunkBytes, chunks };
}

/**
 * How a source differs from what a part file was begun with, in words; undefined where they are the same. A hash decides
 * where both have one: servers of one file may well differ in their ETags.
 */
export function difference(begun: FileIdentity, now: FileIdentity): string | undefined {
  if (begun.bytes !== now.bytes) return `it had ${begun.bytes} bytes, and now has ${now.bytes}`;
  if (begun.sha256 !== now.sha256) return 'its SHA-256 is another';
  if (now.sha256 !== undefined) return undefined;
  if (begun.url !== now.url) return 'it is of another place';
  if (now.validator === undefined) return 'the server tells no ETag to know the file by';
  return begun.validator === now.validator ? undefined : 'its ETag is another';
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isIndex(value: unknown, end: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < end;
}
