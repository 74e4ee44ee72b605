import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { keysFolder, readPrivate, writePrivate } from '../../device-agent/node/private-file.ts';
import type { Certificate } from '../http/connections.ts';

/** What a coordinator keeps for TLS. */
export interface TlsState {
  /** Whose key signs the others: who reads it can pass for any server at home to those who trust it. */
  readonly authority: Certificate;
  /** Of this machine when the authority was made, for which it may speak. */
  readonly ownNames: readonly string[];
  readonly leaf: Certificate & { readonly names: readonly string[] };
}

export interface TlsStore {
  read(): TlsState | undefined;
  write(state: TlsState): void;
}

const certificate = z.object({ key: z.string(), cert: z.string() }).refine(({ key, cert }) => {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
});
const stored = z.object({
  authority: certificate,
  ownNames: z.array(z.string()).min(1),
  leaf: certificate.and(z.object({ names: z.array(z.string()) })),
});

/** In a file that nobody else may read. @throws HearthError FILE_READ_FAILED, FILE_WRITE_FAILED */
export function tlsFile(folder = keysFolder()): TlsStore {
  const path = join(folder, 'tls.json');
  return {
    read: () => readPrivate(path, (value) => stored.parse(value)),
    write: (state) => writePrivate(path, state),
  };
}
