/** Bytes of an X25519 key, of a ChaCha20-Poly1305 key and of a pre-shared key. */
export const keyBytes = 32;
/** Bytes by which ChaCha20-Poly1305 lengthens what it seals. */
export const tagBytes = 16;

/** A long-lived identity, or one of a single handshake. */
export interface KeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** X25519: of Node's OpenSSL, or in JavaScript, since pages from `http://` have no `crypto.subtle`. */
export interface KeyExchange {
  random(byteLength: number): Uint8Array;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
  /** @returns nothing for a public key that would make the secret 0 */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** ChaCha20-Poly1305 (RFC 8439). */
export interface Aead {
  /**
   * Writes the ciphertext and then its tag.
   * @param nonce 12 bytes, never the same twice with one key
   * @param output as long as the plaintext and the tag
   */
  seal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /**
   * Writes the plaintext.
   * @param output as long as what was sealed without its tag, and may be the same bytes
   * @returns whether it was sealed so, with these bytes as additional data; if not, there are zeros in the output
   */
  open(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array, output: Uint8Array): boolean;
}

/**
 * What a host computes of a handshake and of a sealed link. Hashes are of handshakes only, and so small that everybody
 * computes them in JavaScript.
 */
export type Cryptography = KeyExchange & Aead;

export function newKeyPair(keyExchange: KeyExchange): KeyPair {
  const privateKey = keyExchange.random(keyBytes);
  return { privateKey, publicKey: keyExchange.publicKeyOf(privateKey) };
}
