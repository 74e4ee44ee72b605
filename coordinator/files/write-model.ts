import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';
import { ggufByteLength } from '../../runtime/gguf/file-size.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { type TensorSource, writeGguf } from '../../runtime/gguf/writer.ts';
import { checkRoom, type FreeBytes, writing } from './disk.ts';

/** What a GGUF file is made of. Its tensors are read one after another, when it is written. */
export interface ModelContents {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: readonly TensorSource[];
}

export interface WriteModelOptions {
  /** Writes over a file that is there. */
  readonly force?: boolean;
  /** Stops the writing. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (writtenBytes: number, byteLength: number) => void;
  readonly freeBytes?: FreeBytes;
}

/**
 * Writes a model as a stream. Until it is whole it lies beside its place, under a name that ends in `.part`, and
 * whatever goes wrong leaves neither file.
 * @returns its length in bytes
 * @throws HearthError USAGE where the path is taken; FILE_WRITE_FAILED where it cannot be written or its disk is too full,
 *   REQUEST_CANCELLED on the signal; whatever reading the tensors throws
 */
export async function writeModel(
  path: string,
  { metadata, tensors }: ModelContents,
  options: WriteModelOptions = {},
): Promise<number> {
  const { force = false, signal, onProgress, freeBytes } = options;
  const byteLength = ggufByteLength(metadata, tensors);
  if (!force) await checkAbsent(path);
  await checkRoom(path, byteLength, freeBytes);

  const part = `${path}.part`;
  const file = await writing(path, open(part, 'w'));
  try {
    let written = 0;
    for await (const piece of writeGguf(metadata, tensors)) {
      if (signal?.aborted) throw new HearthError('REQUEST_CANCELLED', `${path} was not written: interrupted`);
      await writing(path, writeAll(file, piece));
      written += piece.length;
      onProgress?.(written, byteLength);
    }
    await writing(path, file.sync());
    await file.close();
    await writing(path, rename(part, path));
  } catch (error) {
    await file.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
  return byteLength;
}

async function checkAbsent(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found) throw new HearthError('USAGE', `${path} is there already; --force writes over it`, { path });
}

/** One `write` may take less than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}
