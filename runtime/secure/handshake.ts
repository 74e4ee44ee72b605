import { concatBytes } from '@noble/hashes/utils.js';
import { assert, HearthError } from '../error.ts';
import type { CipherState } from './cipher-state.ts';
import { type Cryptography, type KeyPair, keyBytes, newKeyPair } from './cryptography.ts';
import { SymmetricState } from './symmetric-state.ts';

/** A key that is sent, a secret that is mixed in, or a Diffie-Hellman of the initiator's and the responder's key. */
export type Token = 'e' | 's' | 'psk' | 'ee' | 'es' | 'se' | 'ss';

/** A handshake pattern of Noise (revision 34, sections 7 and 9). */
export interface Pattern {
  readonly name: string;
  /** Whether the initiator knows the responder's static key before. */
  readonly knowsResponder: boolean;
  /** The initiator's first, then in turn. */
  readonly messages: readonly (readonly Token[])[];
}

export interface HandshakeOptions {
  readonly cryptography: Cryptography;
  readonly pattern: Pattern;
  readonly initiator: boolean;
  /** What both sides must have seen alike. */
  readonly prologue: Uint8Array;
  /** This side's identity, for a pattern with static keys. */
  readonly own?: KeyPair | undefined;
  /** Of the responder, for an initiator who must know it before. */
  readonly remoteStatic?: Uint8Array | undefined;
  /** 32 bytes, for a pattern with a pre-shared key. */
  readonly psk?: Uint8Array | undefined;
  /** A new one, but in tests. */
  readonly ephemeral?: KeyPair;
}

/** What two sides have at the end of a handshake. */
export interface Secured {
  readonly sending: CipherState;
  readonly receiving: CipherState;
}

/** One side of a handshake: Noise's HandshakeState for 25519, ChaChaPoly and SHA256 (revision 34, section 5.3). */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #symmetric: SymmetricState;
  readonly #ephemeral: KeyPair;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #next = 0;

  constructor(options: HandshakeOptions) {
    const { cryptography, pattern, prologue, initiator, own, remoteStatic } = options;
    this.#options = options;
    this.#symmetric = new SymmetricState(cryptography, `Noise_${pattern.name}_25519_ChaChaPoly_SHA256`);
    this.#symmetric.mixHash(prologue);
    this.#ephemeral = options.ephemeral ?? newKeyPair(cryptography);
    this.#remoteStatic = remoteStatic;
    if (pattern.knowsResponder) this.#symmetric.mixHash(initiator ? remoteStatic! : own!.publicKey);
  }

  /** The other side's identity, once it is known. Whether it is really there, the next message proves. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  /** Of all that was said: the same on both sides, and on no other two. */
  get hash(): Uint8Array {
    return this.#symmetric.hash;
  }

  get isDone(): boolean {
    return this.#next === this.#options.pattern.messages.length;
  }

  write(payload: Uint8Array = new Uint8Array()): Uint8Array {
    const parts = this.#takeTokens(true).map((token) => {
      if (token === 'e') return this.#writeEphemeral();
      if (token === 's') return this.#symmetric.encryptAndHash(this.#options.own!.publicKey);
      if (token === 'psk') this.#symmetric.mixKeyAndHash(this.#options.psk!);
      else this.#mix(token);
      return new Uint8Array();
    });
    return concatBytes(...parts, this.#symmetric.encryptAndHash(payload));
  }

  /**
   * @returns the payload
   * @throws HearthError HANDSHAKE_FAILED
   */
  read(message: Uint8Array): Uint8Array {
    let rest = message;
    const take = (byteLength: number): Uint8Array => {
      if (rest.length < byteLength) throw failed('a message of the handshake is too short');
      const taken = rest.slice(0, byteLength);
      rest = rest.subarray(byteLength);
      return taken;
    };
    for (const token of this.#takeTokens(false)) {
      if (token === 'e') this.#readEphemeral(take(keyBytes));
      else if (token === 's') this.#remoteStatic = this.#decrypt(take(keyBytes + this.#symmetric.overhead));
      else if (token === 'psk') this.#symmetric.mixKeyAndHash(this.#options.psk!);
      else this.#mix(token);
    }
    return this.#decrypt(rest);
  }

  /** The ciphers for what follows, once the handshake is done. */
  secured(): Secured {
    assert(this.isDone, 'a handshake that is done');
    const [initiators, responders] = this.#symmetric.split();
    return this.#options.initiator
      ? { sending: initiators, receiving: responders }
      : { sending: responders, receiving: initiators };
  }

  #takeTokens(writing: boolean): readonly Token[] {
    const isOwnTurn = (this.#next % 2 === 0) === this.#options.initiator;
    assert(!this.isDone && isOwnTurn === writing, 'a message of the handshake in its turn');
    return this.#options.pattern.messages[this.#next++]!;
  }

  #writeEphemeral(): Uint8Array {
    this.#mixEphemeral(this.#ephemeral.publicKey);
    return this.#ephemeral.publicKey;
  }

  #readEphemeral(key: Uint8Array): void {
    this.#remoteEphemeral = key;
    this.#mixEphemeral(key);
  }

  /** With a pre-shared key, ephemeral keys randomise the encryption (section 9.2). */
  #mixEphemeral(key: Uint8Array): void {
    this.#symmetric.mixHash(key);
    if (this.#options.psk) this.#symmetric.mixKey(key);
  }

  #mix(token: Exclude<Token, 'e' | 's' | 'psk'>): void {
    const { cryptography, initiator, own } = this.#options;
    const [ownLetter, remoteLetter] = initiator ? token : [token[1], token[0]];
    const pair = ownLetter === 'e' ? this.#ephemeral : own!;
    const remote = remoteLetter === 'e' ? this.#remoteEphemeral! : this.#remoteStatic!;
    const shared = cryptography.sharedSecret(pair.privateKey, remote);
    if (!shared) throw failed('a public key of the handshake is none');
    this.#symmetric.mixKey(shared);
  }

  #decrypt(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#symmetric.decryptAndHash(ciphertext);
    if (!plaintext)
      throw failed('a message of the handshake is not of the side, or the link, that it should be of');
    return plaintext;
  }
}

function failed(message: string): HearthError {
  return new HearthError('HANDSHAKE_FAILED', message);
}
