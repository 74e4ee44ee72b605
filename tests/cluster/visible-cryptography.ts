import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { equalBytes } from '../../runtime/protocol/handshake.ts';
import { type Cryptography, tagBytes } from '../../runtime/secure/cryptography.ts';
import { sealedOverhead } from '../../runtime/secure/sealed-frames.ts';

/** Real keys and tags, but what is sealed can be read: so a test sees what is said on a link. */
export const visibleCryptography: Cryptography = {
  ...nodeCryptography,
  seal: (key, nonce, ad, plaintext, output) => {
    nodeCryptography.seal(key, nonce, ad, plaintext, output);
    output.set(plaintext);
  },
  open: (key, nonce, ad, sealed, output) => {
    const plaintext = sealed.slice(0, sealed.length - tagBytes);
    const expected = new Uint8Array(sealed.length);
    nodeCryptography.seal(key, nonce, ad, plaintext, expected);
    const tagsAt = sealed.length - tagBytes;
    output.set(plaintext);
    return equalBytes(sealed.subarray(tagsAt), expected.subarray(tagsAt));
  },
};

/** The frame in a message that may be sealed so, or not be sealed at all. */
export function visibleFrame(message: Uint8Array): Uint8Array {
  const headerBytes = sealedOverhead - tagBytes;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const isSealed =
    message.length >= sealedOverhead && view.getUint32(0, true) === message.length - headerBytes;
  return isSealed ? message.slice(headerBytes, message.length - tagBytes) : message;
}
