import { assert } from '../error.ts';
import { type Cryptography, keyBytes, tagBytes } from './cryptography.ts';

const nothing = new Uint8Array();
/** Noise keeps the highest counter for this. */
const rekeyNonce = Uint8Array.from({ length: 12 }, (_, i) => (i < 4 ? 0 : 0xff));

/** A key and the number of the next message: Noise's CipherState (revision 34, section 5.1) for ChaChaPoly. */
export class CipherState {
  readonly #cryptography: Cryptography;
  #key: Uint8Array;
  #counter = 0;

  /** @param key 32 bytes */
  constructor(cryptography: Cryptography, key: Uint8Array) {
    this.#cryptography = cryptography;
    this.#key = key;
  }

  /** Of the next message; grows by 1 with each, and stays below 2^53. */
  get counter(): number {
    return this.#counter;
  }

  /** @param output as long as the plaintext and the tag */
  seal(ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    this.#cryptography.seal(this.#key, nonceOf(this.#counter), ad, plaintext, output);
    this.#advance();
  }

  /** @returns nothing if the bytes are not what the other side sealed as its message of this number */
  open(ad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#cryptography.open(this.#key, nonceOf(this.#counter), ad, sealed);
    if (plaintext) this.#advance();
    return plaintext;
  }

  /** Goes on with a key from which the one before cannot be found (section 11.3). */
  rekey(): void {
    const sealed = new Uint8Array(keyBytes + tagBytes);
    this.#cryptography.seal(this.#key, rekeyNonce, nothing, new Uint8Array(keyBytes), sealed);
    this.#key = sealed.slice(0, keyBytes);
  }

  #advance(): void {
    this.#counter += 1;
    assert(Number.isSafeInteger(this.#counter), 'a counter that has not wrapped', this.#counter);
  }
}

/** Four zeros, then the counter as a little-endian uint64. */
function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter % 2 ** 32, true);
  view.setUint32(8, Math.floor(counter / 2 ** 32), true);
  return nonce;
}
