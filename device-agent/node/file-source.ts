import { readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import type { ByteSource, FileVersion } from '../../runtime/gguf/source.ts';

/** What a cached file answers in microseconds, where a visit to the thread pool takes half a millisecond. */
const smallBytes = 16384;

/** A file on this machine, read by ranges. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly file: FileVersion;
  readonly byteLength: number;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, { dev, ino, size, mtimeMs, ctimeMs }: Stats) {
    this.name = basename(path);
    // The time of change too: copying into a file, or unpacking over it, may set that of modification as it likes.
    this.file = { path: resolve(path), version: [dev, ino, size, mtimeMs, ctimeMs].join(' ') };
    this.#handle = handle;
    this.byteLength = size;
  }

  /** @throws HearthError FILE_NOT_FOUND, FILE_READ_FAILED */
  static async open(path: string): Promise<FileSource> {
    try {
      const handle = await open(path, 'r');
      const stat = await handle.stat();
      if (stat.isFile()) return new FileSource(path, handle, stat);
      await handle.close();
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT')
        throw new HearthError('FILE_READ_FAILED', `cannot open ${path}: ${code ?? cause}`, { path }, cause);
    }
    throw new HearthError('FILE_NOT_FOUND', `there is no file ${path}`, { path });
  }

  async read(byteOffset: number, byteLength: number, buffer?: Uint8Array): Promise<Uint8Array> {
    if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > this.byteLength) {
      throw new HearthError(
        'GGUF_TRUNCATED',
        `${this.name} ends at byte ${this.byteLength}, before ${byteOffset + byteLength}: the file is incomplete`,
        { file: this.name, byteOffset, byteLength },
      );
    }
    const fits = buffer !== undefined && buffer.length >= byteLength;
    const bytes = fits ? buffer.subarray(0, byteLength) : new Uint8Array(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      const { bytesRead } = await this.#readSome(bytes, filled, byteOffset + filled);
      if (bytesRead === 0)
        throw new HearthError('GGUF_TRUNCATED', `${this.name} became shorter while it was read`, {
          file: this.name,
        });
      filled += bytesRead;
    }
    return bytes;
  }

  async #readSome(bytes: Uint8Array, filled: number, position: number): Promise<{ bytesRead: number }> {
    try {
      if (bytes.length <= smallBytes) {
        return { bytesRead: readSync(this.#handle.fd, bytes, filled, bytes.length - filled, position) };
      }
      return await this.#handle.read(bytes, filled, bytes.length - filled, position);
    } catch (cause) {
      throw new HearthError(
        'FILE_READ_FAILED',
        `reading ${this.name} failed: ${cause}`,
        { file: this.name },
        cause,
      );
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
