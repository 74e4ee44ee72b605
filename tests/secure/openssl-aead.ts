import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Aead, tagBytes } from '../../runtime/secure/cryptography.ts';

const cipher = 'chacha20-poly1305';
const settings = { authTagLength: tagBytes } as const;

/** ChaCha20-Poly1305 of OpenSSL, which the kernels must agree with. */
export const opensslAead: Aead = {
  seal: (key, nonce, ad, plaintext, output) => {
    const sealing = createCipheriv(cipher, key, nonce, settings);
    sealing.setAAD(ad, { plaintextLength: plaintext.length });
    output.set(sealing.update(plaintext));
    sealing.final();
    output.set(sealing.getAuthTag(), plaintext.length);
  },
  open: (key, nonce, ad, sealed, output) => {
    const plaintextLength = sealed.length - tagBytes;
    if (plaintextLength < 0) return false;
    const opening = createDecipheriv(cipher, key, nonce, settings);
    opening.setAAD(ad, { plaintextLength });
    opening.setAuthTag(sealed.subarray(plaintextLength));
    const plaintext = opening.update(sealed.subarray(0, plaintextLength));
    try {
      opening.final();
    } catch {
      output.fill(0);
      return false;
    }
    output.set(plaintext);
    return true;
  },
};
