import { HearthError } from '../../runtime/error.ts';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import type { ByteSource } from '../../runtime/gguf/source.ts';
import { RemoteFile } from './remote-file.ts';
import type { Wanted } from './resolve.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import type { WebClient } from './web-client.ts';

/**
 * Opens a model where it is, by range requests: its header is read, its tensors are not.
 * @param wanted all its parts
 * @throws HearthError GGUF_*, PULL_*, REQUEST_CANCELLED
 */
export async function openGgufAtUrl(
  client: WebClient,
  wanted: readonly Wanted[],
  retry: RetryOptions,
): Promise<GgufFile> {
  const open = async (name: string) => {
    const part = wanted.find((each) => each.name === name)!;
    return urlSource(name, await RemoteFile.open(client, part, retry), retry);
  };
  return openGguf(await open(wanted[0]!.name), open);
}

function urlSource(name: string, file: RemoteFile, retry: RetryOptions): ByteSource {
  if (!file.hasRanges) {
    const message = `${file.url.origin} sends no ranges, so its header cannot be read alone: pull it first`;
    throw new HearthError('PULL_FAILED', message, { origin: file.url.origin });
  }
  return {
    name,
    byteLength: file.facts.bytes,
    read: (byteOffset, byteLength) => {
      if (byteLength === 0) return Promise.resolve(new Uint8Array(0));
      return withRetries(`reading ${name}`, () => readRange(file, byteOffset, byteLength, retry), retry);
    },
    close: async () => {},
  };
}

async function readRange(
  file: RemoteFile,
  start: number,
  byteLength: number,
  { signal }: RetryOptions,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let filled = 0;
  for await (const piece of file.read(start, start + byteLength, signal)) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}
