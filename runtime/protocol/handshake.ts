import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HearthError } from '../error.ts';
import { protocolVersion } from './messages.ts';

/** Bytes of a nonce: no two links share one, so what was recorded on one link proves nothing on another. */
export const nonceBytes = 32;
/** Bytes of HMAC-SHA256. */
export const macBytes = 32;

/** The two sides prove their knowledge under different labels: one's proof cannot be sent back to it. */
type Side = 'join' | 'welcome';

/**
 * Proof that one side knows the secret: HMAC-SHA256(secret, "hearth SIDE" ‖ 0 ‖ hello's nonce ‖ join's nonce).
 * The secret should hold 128 random bits: whoever hears a handshake may try guesses on it at leisure.
 */
export function proofOf(
  side: Side,
  secret: string,
  helloNonce: Uint8Array,
  joinNonce: Uint8Array,
): Uint8Array {
  const text = new TextEncoder();
  return hmac
    .create(sha256, text.encode(secret))
    .update(text.encode(`hearth ${side}\0`))
    .update(helloNonce)
    .update(joinNonce)
    .digest();
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
