import { createHash } from 'node:crypto';
import { FileSource } from '../../device-agent/node/file-source.ts';

const readBytes = 1 << 20;

/** Is told of bytes that were read, and may throw to end the reading. */
export type OnRead = (count: number) => void;

/** SHA-256 in hex of a file. @throws HearthError FILE_NOT_FOUND, FILE_READ_FAILED; whatever `onRead` throws */
export async function fileSha256(path: string, onRead: OnRead): Promise<string> {
  const source = await FileSource.open(path);
  try {
    return await rangeSha256(source, 0, source.byteLength, onRead);
  } finally {
    await source.close();
  }
}

/** SHA-256 in hex of a file's bytes [start, end). */
export async function rangeSha256(
  source: FileSource,
  start: number,
  end: number,
  onRead: OnRead,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(readBytes);
  for (let at = start; at < end; at += readBytes) {
    const piece = await source.read(at, Math.min(readBytes, end - at), buffer);
    hash.update(piece);
    onRead(piece.length);
  }
  return hash.digest('hex');
}

export function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[\da-f]{64}$/.test(value);
}
