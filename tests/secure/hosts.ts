import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { portableCryptography } from '../../runtime/secure/portable-cryptography.ts';
import { opensslAead } from './openssl-aead.ts';

/** What Node and browsers compute with, and a third that neither has written. */
export const hosts = {
  node: nodeCryptography,
  browser: portableCryptography(startKernels()),
  OpenSSL: { ...nodeCryptography, ...opensslAead },
};
