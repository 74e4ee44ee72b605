import { HearthError } from '../../runtime/error.ts';
import type { ByteSource } from '../../runtime/gguf/source.ts';

/** A file of any size that holds a few bytes at its start and, behind them, bytes made from their offset. */
export class SparseSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #start: Uint8Array;
  readBytes = 0;

  constructor(start: Uint8Array, byteLength: number, name = 'sparse.gguf') {
    this.#start = start;
    this.byteLength = byteLength;
    this.name = name;
  }

  static byteAt(byteOffset: number): number {
    return byteOffset % 251;
  }

  async read(byteOffset: number, byteLength: number): Promise<Uint8Array> {
    if (byteOffset + byteLength > this.byteLength) throw new HearthError('GGUF_TRUNCATED', 'outside');
    this.readBytes += byteLength;
    const bytes = new Uint8Array(byteLength);
    for (let i = 0; i < byteLength; i++) {
      bytes[i] = this.#start[byteOffset + i] ?? SparseSource.byteAt(byteOffset + i);
    }
    return bytes;
  }

  async close(): Promise<void> {}
}
