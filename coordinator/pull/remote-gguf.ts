import { HearthError } from '../../runtime/error.ts';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import type { ByteSource } from '../../runtime/gguf/source.ts';
import { parseReference } from './reference.ts';
import { RemoteFile } from './remote-file.ts';
import { resolveReference } from './resolve.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import { webAccess } from './web-access.ts';

/**
 * Opens a model where it is, by range requests: its header is read, its tensors are not.
 * @param text what could be pulled
 * @throws HearthError USAGE, GGUF_*, PULL_*, REQUEST_CANCELLED
 */
export async function openRemoteGguf(text: string, retry: RetryOptions): Promise<GgufFile> {
  const { client, endpoint } = webAccess();
  try {
    const wanted = await resolveReference(client, endpoint, parseReference(text, endpoint), retry);
    const open = async (name: string) => {
      const part = wanted.find((each) => each.name === name)!;
      return urlSource(name, await RemoteFile.open(client, part, retry), retry);
    };
    const gguf = await openGguf(await open(wanted[0]!.name), open);
    return { ...gguf, close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
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
