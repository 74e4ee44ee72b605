import { assert } from '../error.ts';
import { type Aead, keyBytes, tagBytes } from './cryptography.ts';

const nothing = new Uint8Array();
/** Noise keeps the highest counter for this. */
const rekeyNonce = Uint8Array.from({ length: 12 }, (_, i) => (i < 4 ? 0 : 0xff));

/** A key and the number of the next message: Noise's CipherState (revision 34, section 5.1) for ChaChaPoly. */
export class CipherState {
  readonly #aead: Aead;
  /** Four zeros, then the counter as a little-endian uint64. */
  readonly #nonce = new Uint8Array(12);
  readonly #nonceView = new DataView(this.#nonce.buffer);
  #key: Uint8Array;
  #counter = 0;

  /** @param key 32 bytes */
  constructor(aead: Aead, key: Uint8Array) {
    this.#aead = aead;
    this.#key = key;
  }

  /** Of the next message; grows by 1 with each, and stays below 2^53. */
  get counter(): number {
    return this.#counter;
  }

  /** @param output as long as the plaintext and the tag */
  seal(ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    this.#aead.seal(this.#key, this.#nonce, ad, plaintext, output);
    this.#advance();
  }

  /**
   * @param output as long as what was sealed without its tag, and may be the same bytes
   * @returns whether the bytes are what the other side sealed as its message of this number
   */
  open(ad: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean {
    const isRight = this.#aead.open(this.#key, this.#nonce, ad, sealed, output);
    if (isRight) this.#advance();
    return isRight;
  }

  /** Goes on with a key from which the one before cannot be found (section 11.3). */
  rekey(): void {
    const sealed = new Uint8Array(keyBytes + tagBytes);
    this.#aead.seal(this.#key, rekeyNonce, nothing, new Uint8Array(keyBytes), sealed);
    this.#key = sealed.slice(0, keyBytes);
  }

  #advance(): void {
    this.#counter += 1;
    assert(Number.isSafeInteger(this.#counter), 'a counter that has not wrapped', this.#counter);
    writeCounter(this.#nonceView, 4, this.#counter);
  }
}

/** A little-endian uint64, without a BigInt for each message. */
export function writeCounter(view: DataView, offset: number, counter: number): void {
  view.setUint32(offset, counter % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(counter / 2 ** 32), true);
}
