import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from 'node:crypto';
import type { Cryptography } from '../../runtime/secure/cryptography.ts';
import { KernelAead } from '../../runtime/secure/kernel-aead.ts';
import { startKernels } from './kernel-files.ts';

/** What stands before an X25519 key in DER (RFC 8410). */
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex');

let started: KernelAead | undefined;

/** Kernels are compiled when something is sealed for the first time. */
function aead(): KernelAead {
  started ??= new KernelAead(startKernels());
  return started;
}

/** Keys with OpenSSL. Its ciphers are objects for one message each, and dearer than those of the kernels. */
export const nodeCryptography: Cryptography = {
  random: (byteLength) => Uint8Array.from(randomBytes(byteLength)),
  publicKeyOf: (privateKey) => {
    const der = createPublicKey(privateKeyOf(privateKey)).export({ format: 'der', type: 'spki' });
    return Uint8Array.from(der.subarray(publicPrefix.length));
  },
  sharedSecret: (privateKey, publicKey) => {
    const key = Buffer.concat([publicPrefix, publicKey]);
    const other = createPublicKey({ key, format: 'der', type: 'spki' });
    return orNothing(() => diffieHellman({ privateKey: privateKeyOf(privateKey), publicKey: other }));
  },
  seal: (...message) => aead().seal(...message),
  open: (...message) => aead().open(...message),
};

function privateKeyOf(privateKey: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, privateKey]), format: 'der', type: 'pkcs8' });
}

function orNothing<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}
