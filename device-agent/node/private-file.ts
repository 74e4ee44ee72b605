import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { keyBytes } from '../../runtime/secure/cryptography.ts';

/** Where keys lie: `HEARTH_KEYS`, else a folder among the user's data (XDG). */
export function keysFolder(): string {
  const { HEARTH_KEYS, XDG_DATA_HOME } = process.env;
  return HEARTH_KEYS || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'hearth', 'keys');
}

/**
 * A JSON file that nobody else may read; if others may, that is mended.
 * @param read takes what the file says, and throws what it likes if that is not what it should be
 * @returns nothing if there is no such file
 * @throws HearthError FILE_READ_FAILED if it is damaged
 */
export function readPrivate<T>(path: string, read: (value: unknown) => T): T | undefined {
  try {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    return read(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new HearthError(
      'FILE_READ_FAILED',
      `${path} cannot be read: remove it, and set up anew what it was for`,
      { path },
      error,
    );
  }
}

/**
 * Writes it whole or not at all.
 * @throws HearthError FILE_WRITE_FAILED
 */
export function writePrivate(path: string, value: unknown): void {
  const part = `${path}.${process.pid}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(part, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new HearthError('FILE_WRITE_FAILED', `${path} cannot be written: ${reason}`, { path }, error);
  }
}

/** A key as files have it. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url');
}

/** @throws Error if it is no key */
export function keyOf(value: unknown): Uint8Array {
  const key = Buffer.from(String(value), 'base64url');
  if (typeof value !== 'string' || key.length !== keyBytes) throw new Error('no key');
  return Uint8Array.from(key);
}
