import { beginChacha20, chacha20, GROUP_BYTES } from './chacha20';
import { beginPoly1305, endPoly1305, poly1305 } from './poly1305';

/**
 * ChaCha20-Poly1305 (RFC 8439, 2.8). A message is begun with its additional data, goes through in chunks, of which all but
 * the last are multiples of 256 bytes, and ends with its tag. Behind each chunk 256 bytes are overwritten.
 *
 * Work area, 512 bytes: at 16 the key (32 bytes) and at 52 the nonce (12), which the caller writes before it begins, in
 * ChaCha20's state of 64 bytes; at 64 Poly1305's state; at 144 room; at 192 a group of the key stream, and then the tag.
 */

const POLY1305: usize = 64;
const KEY_STREAM: usize = 192;
const TAG: usize = 192;

/** Zeros up to the next multiple of 16 bytes, which is returned. */
@inline
function pad(data: usize, bytes: usize): usize {
  const padded = (bytes + 15) & ~15;
  memory.fill(data + bytes, 0, padded - bytes);
  return padded;
}

/** Behind the additional data 15 bytes may be overwritten. */
export function beginAead(work: usize, ad: usize, adBytes: usize): void {
  beginChacha20(work);
  memory.fill(work + KEY_STREAM, 0, GROUP_BYTES);
  chacha20(work, work + KEY_STREAM, GROUP_BYTES);
  // Poly1305's key is block 0; the message begins at block 1.
  beginPoly1305(work + POLY1305, work + KEY_STREAM);
  store<u32>(work, 1, 48);
  poly1305(work + POLY1305, ad, pad(ad, adBytes));
}

export function sealChunk(work: usize, data: usize, bytes: usize): void {
  chacha20(work, data, bytes);
  poly1305(work + POLY1305, data, pad(data, bytes));
}

/** What comes out may be used once the tag has proved right. */
export function openChunk(work: usize, data: usize, bytes: usize): void {
  poly1305(work + POLY1305, data, pad(data, bytes));
  chacha20(work, data, bytes);
}

/** Writes the tag, 16 bytes at 192 of the work area, of a message of so many bytes in all. */
export function endAead(work: usize, adBytes: usize, bytes: usize): void {
  store<u64>(work, <u64>adBytes, TAG);
  store<u64>(work, <u64>bytes, TAG + 8);
  poly1305(work + POLY1305, work + TAG, 16);
  endPoly1305(work + POLY1305, work + TAG);
}
