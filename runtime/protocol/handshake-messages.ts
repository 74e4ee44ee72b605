/** coordinator → agent, the first message of a link. */
export interface Hello {
  readonly type: 'hello';
  readonly protocolVersion: number;
  readonly softwareVersion: string;
  /** Who it says it is: 32 bytes of X25519. */
  readonly publicKey: Uint8Array;
  /** `nonceBytes` random bytes, new for each link. */
  readonly nonce: Uint8Array;
}

/** agent → coordinator: the first message of a handshake between two that share a secret and are yet to be paired. */
export interface Pair {
  readonly type: 'pair';
  readonly protocolVersion: number;
  readonly softwareVersion: string;
  readonly handshake: Uint8Array;
}

/** agent → coordinator: the first message of a handshake between two that have been paired. */
export interface Rejoin {
  readonly type: 'rejoin';
  readonly protocolVersion: number;
  readonly softwareVersion: string;
  readonly handshake: Uint8Array;
}

/** agent → coordinator, in place of these: this link is for the tiles of a session that has joined on another. */
export interface Attach {
  readonly type: 'attach';
  /** As the welcome named it. */
  readonly session: Uint8Array;
  readonly handshake: Uint8Array;
}

/** coordinator → agent: the second message of the handshake, by which it proves itself. */
export interface Answer {
  readonly type: 'answer';
  readonly handshake: Uint8Array;
}

/** agent → coordinator: the third message of a pairing. */
export interface Confirm {
  readonly type: 'confirm';
  readonly handshake: Uint8Array;
}

/** What is said before a link is sealed. */
export type HandshakeMessage = Hello | Pair | Rejoin | Attach | Answer | Confirm;
