import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { HearthError } from '../error.ts';
import { protocolVersion } from './messages.ts';

/** Bytes of hello's nonce: no two links share one, so what was recorded on one link opens no other. */
export const nonceBytes = 32;
/** Bytes by which a session is named. */
export const sessionBytes = 16;

/**
 * What both sides of a handshake must have seen alike: what the link is for, the hello and the session.
 * @param hello the whole frame, as it was sent
 */
export function prologueOf(
  purpose: 'pair' | 'rejoin' | 'attach',
  hello: Uint8Array,
  session: Uint8Array = new Uint8Array(),
): Uint8Array {
  return concatBytes(new TextEncoder().encode(`hearth ${purpose}\0`), hello, session);
}

/**
 * The pre-shared key of a pairing. Whoever hears a pairing may try guesses on the secret at leisure: it should hold 128
 * random bits.
 */
export function pskOf(secret: string): Uint8Array {
  return sha256(new TextEncoder().encode(`hearth secret\0${secret}`));
}

/** Compares in a time that depends on the lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** @throws HearthError PROTOCOL_VERSION_MISMATCH, naming both versions */
export function checkVersion(peer: string, version: number, softwareVersion: string): void {
  if (version === protocolVersion) return;
  throw new HearthError(
    'PROTOCOL_VERSION_MISMATCH',
    `the ${peer} (Hearth ${softwareVersion}) speaks protocol ${version}, this side protocol ${protocolVersion}: ` +
      'run the same Hearth on both',
    { peerVersion: version, ownVersion: protocolVersion },
  );
}
