import { join } from 'node:path';
import { z } from 'zod';
import { whileLocked } from '../../device-agent/node/file-lock.ts';
import { keysFolder, readPrivate, writePrivate } from '../../device-agent/node/private-file.ts';
import { type AccessKey, scopes } from './access-key.ts';

/** All keys of a coordinator's API. */
export interface KeyList {
  readonly keys: readonly AccessKey[];
  /** How often some were removed. */
  readonly removals: number;
}

/** Where they are kept; several coordinators of one machine, and `hearth key`, may share it. */
export interface KeyStore {
  read(): KeyList;
  write(list: KeyList): void;
  /** Runs a task while no other process changes this: who reads and then writes does so there. */
  locked<T>(task: () => T): T;
}

const hashBytes = 32;
const storedKey = z.object({
  name: z.string(),
  scope: z.enum(scopes),
  sha256: z.base64url().refine((text) => Buffer.from(text, 'base64url').length === hashBytes),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
});
const storedList = z.object({ removals: z.int().nonnegative(), keys: z.array(storedKey) });

/**
 * Keys, hashed, in a file that nobody else may read. It is read for every request, so that a key that is removed opens
 * nothing from then on.
 * @throws HearthError FILE_READ_FAILED, FILE_WRITE_FAILED
 */
export function keyFile(folder = keysFolder()): KeyStore {
  const path = join(folder, 'api-keys.json');
  return {
    read: () => readPrivate(path, readList) ?? { keys: [], removals: 0 },
    write: ({ keys, removals }) => writePrivate(path, { removals, keys: keys.map(stored) }),
    locked: (task) => whileLocked(path, task),
  };
}

function stored({ name, scope, hash, createdAt, expiresAt }: AccessKey): z.infer<typeof storedKey> {
  return {
    name,
    scope,
    sha256: hash.toString('base64url'),
    createdAt: createdAt.toISOString(),
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
  };
}

function readList(value: unknown): KeyList {
  const { keys, removals } = storedList.parse(value);
  return {
    removals,
    keys: keys.map(({ sha256, createdAt, expiresAt, ...key }) => ({
      ...key,
      hash: Buffer.from(sha256, 'base64url'),
      createdAt: new Date(createdAt),
      ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
    })),
  };
}
