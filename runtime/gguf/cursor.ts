import { HearthError } from '../error.ts';
import { MAX_HEADER_BYTES } from './limits.ts';
import type { ByteSource } from './source.ts';

const FIRST_CHUNK_BYTES = 64 * 1024;
const LAST_CHUNK_BYTES = 4 * 1024 * 1024;
/** The upper half of a u64 from which on it is not a safe integer. */
const UNSAFE_HIGH_HALF = 0x200000;

/**
 * Reads a GGUF header forward, once, through a window on the file that is refilled in growing chunks. Every read
 * throws HearthError GGUF_TRUNCATED where the file ends too early and GGUF_LIMIT_EXCEEDED where the header is
 * larger than any real one; nothing is allocated for a length before both were checked.
 */
export class HeaderCursor {
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#window.buffer);
  #windowStart = 0;
  #at = 0;
  #chunkBytes = FIRST_CHUNK_BYTES;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes of the file read so far. */
  get byteOffset(): number {
    return this.#windowStart + this.#at;
  }

  async u32(): Promise<number> {
    const at = await this.#take(4);
    return this.#view.getUint32(at, true);
  }

  /** A u64 that must be a safe integer, below 2^53. */
  async u64(): Promise<number> {
    const at = await this.#take(8);
    return this.#u64At(at);
  }

  /** A copy of the next bytes, in a buffer of their own. */
  async bytes(byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
    const at = await this.#take(byteLength);
    return new Uint8Array(this.#window.subarray(at, at + byteLength));
  }

  /** The bytes of a string; valid only until the next read. */
  async string(): Promise<Uint8Array> {
    return this.#stringInWindow() ?? this.#stringAcrossWindows();
  }

  /** Calls `use` with the bytes of each of `count` strings. A vocabulary has hundreds of thousands. */
  async eachString(count: number, use: (bytes: Uint8Array) => void): Promise<void> {
    for (let i = 0; i < count; i++) use(this.#stringInWindow() ?? (await this.#stringAcrossWindows()));
  }

  /** @throws where fewer bytes than that can follow, so that a count is refused before anything is made for it */
  expect(byteLength: number): void {
    const { name, byteLength: fileBytes } = this.#source;
    if (byteLength > fileBytes - this.byteOffset) {
      throw new HearthError(
        'GGUF_TRUNCATED',
        `${name} ends inside its header: ${byteLength} more bytes are announced at byte ${this.byteOffset}, but the file has ${fileBytes}. Was it downloaded completely?`,
        { file: name, byteOffset: this.byteOffset, fileBytes },
      );
    }
    if (byteLength > MAX_HEADER_BYTES - this.byteOffset) {
      throw new HearthError('GGUF_LIMIT_EXCEEDED', `${name}: its header exceeds ${MAX_HEADER_BYTES} bytes`, {
        file: name,
        byteOffset: this.byteOffset,
      });
    }
  }

  #stringInWindow(): Uint8Array | undefined {
    const start = this.#at + 8;
    if (start > this.#window.length) return undefined;
    const end = start + this.#u64At(this.#at);
    if (end > this.#window.length) return undefined;
    this.#at = end;
    return this.#window.subarray(start, end);
  }

  async #stringAcrossWindows(): Promise<Uint8Array> {
    const byteLength = await this.u64();
    const at = await this.#take(byteLength);
    return this.#window.subarray(at, at + byteLength);
  }

  #u64At(at: number): number {
    const high = this.#view.getUint32(at + 4, true);
    if (high >= UNSAFE_HIGH_HALF) {
      throw new HearthError(
        'GGUF_LIMIT_EXCEEDED',
        `${this.#source.name}: a count, length or offset near byte ${this.byteOffset} is 2^53 or more`,
        { file: this.#source.name, byteOffset: this.byteOffset },
      );
    }
    return high * 0x100000000 + this.#view.getUint32(at, true);
  }

  /** Steps over the next bytes. @returns where they start in the window, which holds all of them */
  async #take(byteLength: number): Promise<number> {
    if (this.#at + byteLength > this.#window.length) await this.#refill(byteLength);
    const start = this.#at;
    this.#at += byteLength;
    return start;
  }

  async #refill(byteLength: number): Promise<void> {
    this.expect(byteLength);
    const start = this.byteOffset;
    const wanted = Math.max(byteLength, this.#chunkBytes);
    this.#window = await this.#source.read(start, Math.min(wanted, this.#source.byteLength - start));
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength);
    this.#windowStart = start;
    this.#at = 0;
    this.#chunkBytes = Math.min(this.#chunkBytes * 2, LAST_CHUNK_BYTES);
  }
}
