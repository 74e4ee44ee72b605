/** Bytes of an X25519 key, of a ChaCha20-Poly1305 key and of a pre-shared key. */
export const keyBytes = 32;
/** Bytes by which ChaCha20-Poly1305 lengthens what it seals. */
export const tagBytes = 16;

/** A long-lived identity, or one of a single handshake. */
export interface KeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/**
 * What a host computes of X25519 and ChaCha20-Poly1305: Node with OpenSSL, browsers in JavaScript, since pages from
 * `http://` have no `crypto.subtle`. The bytes are the same. Hashes are of handshakes only, and so small that
 * everybody computes them in the same way.
 */
export interface Cryptography {
  random(byteLength: number): Uint8Array;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
  /** @returns nothing for a public key that would make the secret 0 */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  /**
   * Writes the ciphertext and then its tag.
   * @param nonce 12 bytes, never the same twice with one key
   * @param output as long as the plaintext and the tag
   */
  seal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /** @returns nothing if it was not sealed so, with these bytes as additional data */
  open(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export function newKeyPair(cryptography: Cryptography): KeyPair {
  const privateKey = cryptography.random(keyBytes);
  return { privateKey, publicKey: cryptography.publicKeyOf(privateKey) };
}
