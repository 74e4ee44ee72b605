import { encodeControl } from '../../runtime/protocol/control.ts';
import { prologueOf, pskOf } from '../../runtime/protocol/handshake.ts';
import type { Hello } from '../../runtime/protocol/handshake-messages.ts';
import { protocolVersion } from '../../runtime/protocol/messages.ts';
import type { KeyPair } from '../../runtime/secure/cryptography.ts';
import { Handshake, type HandshakeOptions, type Secured } from '../../runtime/secure/handshake.ts';
import { attachingPattern, joiningPattern, pairingPattern } from '../../runtime/secure/patterns.ts';
import { portableKeyExchange } from '../../runtime/secure/portable-cryptography.ts';
import { opensslAead } from '../secure/openssl-aead.ts';

/** Of others than those who speak the protocol otherwise. */
const cryptography = { ...portableKeyExchange, ...opensslAead };

/** Private keys that docs/PROTOCOL.md names: 32 times one byte. */
function pairOf(byte: number): KeyPair {
  const privateKey = new Uint8Array(32).fill(byte);
  return { privateKey, publicKey: cryptography.publicKeyOf(privateKey) };
}
const coordinator = pairOf(0xc0);
const device = pairOf(0xd0);
const ephemerals = { responder: pairOf(0xce), initiator: pairOf(0xde) };

export const secret = 'not-a-secret-any-longer';
export const session = new Uint8Array(16).fill(0x5e);
export const tileKey = new Uint8Array(32).fill(0x7e);

export const versions = { protocolVersion, softwareVersion: '0.1.0' } as const;
export const hello: Hello = {
  type: 'hello',
  ...versions,
  publicKey: coordinator.publicKey,
  nonce: Uint8Array.from({ length: 32 }, (_, i) => i),
};
const helloFrame = encodeControl(hello);

interface Conversation {
  /** The handshake's messages, in turn. */
  readonly messages: readonly Uint8Array[];
  readonly initiator: Secured;
  readonly responder: Secured;
}

function talk(options: Pick<HandshakeOptions, 'pattern' | 'prologue' | 'psk'>): Conversation {
  const { knowsResponder } = options.pattern;
  const remoteStatic = knowsResponder ? coordinator.publicKey : undefined;
  const shared = { cryptography, ...options };
  const sides = [
    new Handshake({ ...shared, initiator: true, own: device, ephemeral: ephemerals.initiator, remoteStatic }),
    new Handshake({ ...shared, initiator: false, own: coordinator, ephemeral: ephemerals.responder }),
  ] as const;
  const messages = options.pattern.messages.map((_, i) => {
    const message = sides[i % 2]!.write();
    sides[1 - (i % 2)]!.read(message);
    return message;
  });
  return { messages, initiator: sides[0].secured(), responder: sides[1].secured() };
}

/** Each anew, since ciphers count. */
export const pairing = () =>
  talk({ pattern: pairingPattern, prologue: prologueOf('pair', helloFrame), psk: pskOf(secret) });
export const rejoining = () => talk({ pattern: joiningPattern, prologue: prologueOf('rejoin', helloFrame) });
export const attaching = () =>
  talk({ pattern: attachingPattern, prologue: prologueOf('attach', helloFrame, session), psk: tileKey });
