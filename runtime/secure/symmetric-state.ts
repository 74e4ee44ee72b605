import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { CipherState } from './cipher-state.ts';
import { type Cryptography, tagBytes } from './cryptography.ts';

const nothing = new Uint8Array();
const hashBytes = 32;

/** What both sides have said and shared so far: Noise's SymmetricState with SHA-256 (revision 34, section 5.2). */
export class SymmetricState {
  readonly #cryptography: Cryptography;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  constructor(cryptography: Cryptography, protocolName: string) {
    this.#cryptography = cryptography;
    const name = new TextEncoder().encode(protocolName);
    this.#hash =
      name.length > hashBytes ? sha256(name) : concatBytes(name, new Uint8Array(hashBytes - name.length));
    this.#chainingKey = this.#hash;
  }

  /** Of everything so far. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** Bytes by which what is encrypted now gets longer. */
  get overhead(): number {
    return this.#cipher ? tagBytes : 0;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = sha256(concatBytes(this.#hash, data));
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = this.#derive(material, 2);
    this.#chainingKey = chainingKey!;
    this.#cipher = new CipherState(this.#cryptography, key!);
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chainingKey, toHash, key] = this.#derive(material, 3);
    this.#chainingKey = chainingKey!;
    this.mixHash(toHash!);
    this.#cipher = new CipherState(this.#cryptography, key!);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = new Uint8Array(plaintext.length + this.overhead);
    if (this.#cipher) this.#cipher.seal(this.#hash, plaintext, ciphertext);
    else ciphertext.set(plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @returns nothing if it is not what the other side encrypted at this point */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    if (ciphertext.length < this.overhead) return undefined;
    const plaintext = ciphertext.slice(0, ciphertext.length - this.overhead);
    if (this.#cipher && !this.#cipher.open(this.#hash, ciphertext, plaintext)) return undefined;
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** Ends the handshake. @returns the ciphers of what the initiator, and of what the responder says */
  split(): [CipherState, CipherState] {
    const [first, second] = this.#derive(nothing, 2);
    return [new CipherState(this.#cryptography, first!), new CipherState(this.#cryptography, second!)];
  }

  #derive(material: Uint8Array, outputs: number): Uint8Array[] {
    const bytes = hkdf(sha256, material, this.#chainingKey, nothing, outputs * hashBytes);
    return Array.from({ length: outputs }, (_, i) => bytes.slice(i * hashBytes, (i + 1) * hashBytes));
  }
}
