import { x25519 } from '@noble/curves/ed25519.js';
import { randomBytes } from '@noble/hashes/utils.js';
import type { Kernels } from '../kernels/kernels.ts';
import type { Cryptography, KeyExchange } from './cryptography.ts';
import { KernelAead } from './kernel-aead.ts';

/** In JavaScript alone: runs everywhere. */
export const portableKeyExchange: KeyExchange = {
  random: (byteLength) => randomBytes(byteLength),
  publicKeyOf: (privateKey) => x25519.getPublicKey(privateKey),
  sharedSecret: (privateKey, publicKey) => {
    try {
      return x25519.getSharedSecret(privateKey, publicKey);
    } catch {
      return undefined;
    }
  },
};

/** @param kernels over a memory of their own */
export function portableCryptography(kernels: Kernels): Cryptography {
  const aead = new KernelAead(kernels);
  return { ...portableKeyExchange, seal: aead.seal.bind(aead), open: aead.open.bind(aead) };
}
