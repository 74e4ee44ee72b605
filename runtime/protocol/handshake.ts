import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HearthError } from '../error.ts';
import { protocolVersion } from './messages.ts';

/** Bytes of a nonce: no two links share one, so what was recorded on one link proves nothing on another. */
export const nonceBytes = 32;
/** Bytes of HMAC-SHA256. */
export const macBytes = 32;

/**
 * What is proved, and by whom: to join, by the device and then by the coordinator; to attach a link to a session that
 * has joined, by the same. Each has a label of its own: a proof is worth nothing in another's place.
 */
type Label = 'join' | 'welcome' | 'attach' | 'attached';

/**
 * Proof that one side knows the secret: HMAC-SHA256(secret, "hearth LABEL" ‖ 0 ‖ the nonces one after another).
 * The secret should hold 128 random bits: whoever hears a handshake may try guesses on it at leisure.
 * @param nonces hello's, the answer's and, to attach, the session's, which is that of its join
 */
export function proofOf(label: Label, secret: string, ...nonces: readonly Uint8Array[]): Uint8Array {
  const text = new TextEncoder();
  const mac = hmac.create(sha256, text.encode(secret)).update(text.encode(`hearth ${label}\0`));
  for (const nonce of nonces) mac.update(nonce);
  return mac.digest();
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
