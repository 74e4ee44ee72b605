import { assert } from '../error.ts';
import { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Aead, keyBytes, tagBytes } from './cryptography.ts';

const nonceBytes = 12;
/** What goes through the kernels at a time, a multiple of 256. */
const chunkBytes = 1 << 14;
/** That kernels overwrite behind a chunk. */
const slackBytes = 256;
/** The work area of `chacha20-poly1305.ts`, and where in it something is. */
const workBytes = 512;
const keyAt = 16;
const nonceAt = 52;
const tagAt = 192;

/**
 * ChaCha20-Poly1305 in WebAssembly: nothing is allocated for a message, and hosts without `crypto.subtle` have it too.
 * Of a process it takes one, for all its links.
 */
export class KernelAead implements Aead {
  readonly #kernels: Kernels;
  readonly #work: number;
  readonly #chunk: number;
  readonly #memory: Uint8Array;

  /** @param kernels over a memory of their own */
  constructor(kernels: Kernels) {
    const arena = new Arena(kernels.memory);
    this.#kernels = kernels;
    this.#work = arena.alloc(workBytes);
    this.#chunk = arena.alloc(chunkBytes + slackBytes);
    // The memory does not grow from here on.
    this.#memory = new Uint8Array(kernels.memory.buffer);
  }

  seal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    assert(output.length === plaintext.length + tagBytes, 'room for the ciphertext and its tag');
    this.#begin(key, nonce, ad);
    for (let at = 0; at < plaintext.length; at += chunkBytes) {
      const bytes = this.#take(plaintext, at, plaintext.length);
      this.#kernels.sealChunk(this.#work, this.#chunk, bytes);
      output.set(this.#memory.subarray(this.#chunk, this.#chunk + bytes), at);
    }
    output.set(this.#tagOf(ad.length, plaintext.length), plaintext.length);
  }

  open(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const length = sealed.length - tagBytes;
    if (length < 0) return false;
    assert(output.length === length, 'room for the plaintext');
    this.#begin(key, nonce, ad);
    for (let at = 0; at < length; at += chunkBytes) {
      const bytes = this.#take(sealed, at, length);
      this.#kernels.openChunk(this.#work, this.#chunk, bytes);
      output.set(this.#memory.subarray(this.#chunk, this.#chunk + bytes), at);
    }
    const isRight = equalTags(this.#tagOf(ad.length, length), sealed.subarray(length));
    if (!isRight) output.fill(0);
    return isRight;
  }

  #begin(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array): void {
    assert(
      key.length === keyBytes && nonce.length === nonceBytes,
      'a key and a nonce',
      key.length,
      nonce.length,
    );
    assert(ad.length <= chunkBytes, 'additional data that fit into a chunk', ad.length);
    this.#memory.set(key, this.#work + keyAt);
    this.#memory.set(nonce, this.#work + nonceAt);
    this.#memory.set(ad, this.#chunk);
    this.#kernels.beginAead(this.#work, this.#chunk, ad.length);
  }

  /** @returns how many bytes there are */
  #take(source: Uint8Array, at: number, end: number): number {
    const bytes = Math.min(chunkBytes, end - at);
    this.#memory.set(source.subarray(at, at + bytes), this.#chunk);
    return bytes;
  }

  #tagOf(adBytes: number, bytes: number): Uint8Array {
    this.#kernels.endAead(this.#work, adBytes, bytes);
    return this.#memory.subarray(this.#work + tagAt, this.#work + tagAt + tagBytes);
  }
}

/** In a time that does not tell where they differ. */
function equalTags(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < tagBytes; i += 1) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
