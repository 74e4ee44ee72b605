import { mkdir, stat } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';
import { checkRoom, type FreeBytes } from '../files/disk.ts';
import { defaultChunkBytes } from './chunks.ts';
import { fetchChunks } from './fetch-chunks.ts';
import type { FileIdentity } from './journal.ts';
import { withLock } from './lock.ts';
import { type ModelPaths, modelPaths } from './model-paths.ts';
import { PartFile } from './part-file.ts';
import { RemoteFile } from './remote-file.ts';
import type { Wanted } from './resolve.ts';
import { interrupted, type RetryOptions } from './retry.ts';
import { fileSha256, type OnRead } from './sha256.ts';
import type { WebClient } from './web-client.ts';

export interface PullOptions extends RetryOptions {
  readonly folder: string;
  /** Is told what does not go as the user may expect. */
  readonly onNote: (note: string) => void;
  /** Of all files together while they are pulled, of each file when it is read again for its hashes. */
  readonly onProgress: (doing: 'pulling' | 'checking', doneBytes: number, bytes: number) => void;
  readonly chunkBytes?: number;
  readonly connections?: number;
  readonly freeBytes?: FreeBytes;
}

export interface Pulled {
  /** Paths in the model folder, of a split model in its order. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** That came over the network this time. */
  readonly fetchedBytes: number;
  /** Whether the source told a SHA-256 for each file, and each file has it. */
  readonly verified: boolean;
}

/** A file on its way, with where it comes from and goes to. */
interface Transfer {
  readonly wanted: Wanted;
  readonly paths: ModelPaths;
  readonly remote: RemoteFile;
  readonly part: PartFile;
}

/**
 * Fetches a model's files into the model folder. They take their places together, when all are whole; until then what is
 * there of them stays, whatever happens, and another pull goes on with it.
 * @param wanted all parts of one model
 * @throws HearthError PULL_*, GGUF_NOT_GGUF, FILE_WRITE_FAILED, FILE_READ_FAILED, USAGE, REQUEST_CANCELLED
 */
export async function pull(
  client: WebClient,
  wanted: readonly Wanted[],
  options: PullOptions,
): Promise<Pulled> {
  const { folder } = options;
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw new HearthError(
      'FILE_WRITE_FAILED',
      `cannot make the model folder ${folder}: ${cause}`,
      { folder },
      cause,
    );
  });
  return withLock(modelPaths(folder, wanted[0]!.name).lock, () => pullLocked(client, wanted, options));
}

async function pullLocked(
  client: WebClient,
  wanted: readonly Wanted[],
  options: PullOptions,
): Promise<Pulled> {
  const { folder, freeBytes } = options;
  const transfers: Transfer[] = [];
  let bytes = 0;
  try {
    for (const each of wanted) {
      const paths = modelPaths(folder, each.name);
      const remote = await openRemote(client, each, options);
      bytes += remote.facts.bytes;
      if (await isThere(paths.file, identityOf(each, remote), options)) continue;
      transfers.push({ wanted: each, paths, remote, part: await openPart(each, paths, remote, options) });
    }
    const missing = transfers.reduce((sum, { part }) => sum + part.identity.bytes - part.doneBytes, 0);
    await checkRoom(modelPaths(folder, wanted[0]!.name).file, missing, freeBytes);
    const fetchedBytes = await fetchAll(transfers, options);
    await checkAll(transfers, options);
    // The first part last: by it the model is found.
    for (const { part } of transfers.toReversed()) await part.finish();
    const files = wanted.map(({ name }) => modelPaths(folder, name).file);
    return { files, bytes, fetchedBytes, verified: wanted.every(({ sha256 }) => sha256 !== undefined) };
  } finally {
    for (const { part } of transfers) await part.close();
  }
}

/** @throws HearthError PULL_CHANGED where the file is not as long as the hub's list says */
async function openRemote(client: WebClient, wanted: Wanted, options: PullOptions): Promise<RemoteFile> {
  const remote = await RemoteFile.open(client, wanted, options);
  const { bytes } = remote.facts;
  if (wanted.bytes === undefined || wanted.bytes === bytes) return remote;
  const message = `${wanted.name} has ${bytes} bytes where its list says ${wanted.bytes}: try again later`;
  throw new HearthError('PULL_CHANGED', message, { name: wanted.name, bytes });
}

function identityOf({ url, sha256 }: Wanted, { facts }: RemoteFile): FileIdentity {
  return { url: url.origin + url.pathname, bytes: facts.bytes, sha256, validator: facts.validator };
}

async function openPart(
  wanted: Wanted,
  paths: ModelPaths,
  remote: RemoteFile,
  options: PullOptions,
): Promise<PartFile> {
  const { chunkBytes = defaultChunkBytes, onNote } = options;
  const { bytes } = remote.facts;
  if (!remote.hasRanges)
    onNote(`${wanted.url.origin} sends no ranges: ${wanted.name} comes in one piece and cannot be resumed`);
  return PartFile.open(paths, identityOf(wanted, remote), {
    chunkBytes: remote.hasRanges ? chunkBytes : bytes,
    onNote,
    onRead: checking(bytes, options),
  });
}

/** Whether the file has been pulled before. @throws HearthError USAGE where another one has its place */
async function isThere(
  path: string,
  { bytes, sha256 }: FileIdentity,
  options: PullOptions,
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return false;
  if (
    found.size === bytes &&
    (sha256 === undefined || (await fileSha256(path, checking(bytes, options))) === sha256)
  ) {
    options.onNote(`${path} is there already${sha256 === undefined ? ', of the same length' : ''}`);
    return true;
  }
  throw new HearthError('USAGE', `${path} is another file: remove it first (hearth rm)`, { path });
}

/** @returns bytes that came over the network */
async function fetchAll(transfers: readonly Transfer[], options: PullOptions): Promise<number> {
  const { connections = 4, onProgress } = options;
  const bytes = transfers.reduce((sum, { part }) => sum + part.identity.bytes, 0);
  let done = transfers.reduce((sum, { part }) => sum + part.doneBytes, 0);
  let fetchedBytes = 0;
  onProgress('pulling', done, bytes);
  const onBytes = (count: number): void => {
    done += count;
    fetchedBytes += Math.max(0, count);
    onProgress('pulling', done, bytes);
  };
  for (const { remote, part, wanted } of transfers)
    await fetchChunks(remote, part, {
      ...options,
      name: wanted.name,
      connections: remote.hasRanges ? connections : 1,
      onBytes,
    });
  return fetchedBytes;
}

/**
 * Reads what came again and compares its hash with the source's.
 * @throws HearthError PULL_CORRUPT: nobody can tell which bytes are wrong, so none are kept
 */
async function checkAll(transfers: readonly Transfer[], options: PullOptions): Promise<void> {
  for (const { wanted, part } of transfers) {
    if (wanted.sha256 === undefined) continue;
    const sha256 = await part.sha256(checking(part.identity.bytes, options));
    if (sha256 === wanted.sha256) continue;
    await part.discard();
    const message = `${wanted.name} came with the SHA-256 ${sha256} instead of ${wanted.sha256}: it was removed; pull it again`;
    throw new HearthError('PULL_CORRUPT', message, { name: wanted.name, sha256 });
  }
}

/** Watches a file being read: says how far, and ends it on the signal. */
function checking(bytes: number, { onProgress, signal }: PullOptions): OnRead {
  let done = 0;
  return (count) => {
    if (signal?.aborted) throw interrupted('checking');
    done += count;
    onProgress('checking', done, bytes);
  };
}
