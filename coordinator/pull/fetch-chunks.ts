import { createHash } from 'node:crypto';
import type { Chunk } from './chunks.ts';
import type { PartFile } from './part-file.ts';
import type { RemoteFile } from './remote-file.ts';
import { type RetryOptions, Transient, withRetries } from './retry.ts';

export interface FetchOptions extends RetryOptions {
  /** What errors call the file. */
  readonly name: string;
  /** Ranges that are fetched at the same time. */
  readonly connections: number;
  /** Is told of bytes that came, and of some that did not count after all. */
  readonly onBytes: (count: number) => void;
}

/**
 * Fetches what a part file lacks.
 * @throws HearthError PULL_FAILED, PULL_CHANGED, PULL_REFUSED, PULL_NOT_FOUND, FILE_WRITE_FAILED, REQUEST_CANCELLED
 */
export async function fetchChunks(file: RemoteFile, part: PartFile, options: FetchOptions): Promise<void> {
  const queue = part.missing;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let failure: unknown;
  const work = async (): Promise<void> => {
    try {
      for (let chunk = queue.shift(); chunk; chunk = queue.shift())
        await fetchChunk(file, part, chunk, { ...options, signal });
    } catch (error) {
      failure ??= error;
      // The others need not go on, and their being stopped is not what went wrong.
      stop.abort();
    }
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  if (failure) throw failure;
}

async function fetchChunk(
  file: RemoteFile,
  part: PartFile,
  chunk: Chunk,
  options: FetchOptions,
): Promise<void> {
  let hash = createHash('sha256');
  let received = 0;
  await withRetries(
    `pulling ${options.name}`,
    async () => {
      try {
        for await (const piece of file.read(chunk.start + received, chunk.end, options.signal)) {
          await part.write(piece, chunk.start + received);
          hash.update(piece);
          received += piece.length;
          options.onBytes(piece.length);
        }
      } catch (error) {
        // What came before a connection broke is good; what came from a server that lies is not.
        if (error instanceof Transient || !file.hasRanges) {
          options.onBytes(-received);
          hash = createHash('sha256');
          received = 0;
        }
        throw error;
      }
    },
    options,
  );
  await part.complete(chunk, hash.digest('hex'));
}
