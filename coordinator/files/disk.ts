import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { formatBytes } from '../cli/output.ts';

/** Free bytes on a folder's disk. */
export type FreeBytes = (folder: string) => Promise<number>;

/** @throws HearthError FILE_WRITE_FAILED where a file will not fit on its disk */
export async function checkRoom(
  path: string,
  byteLength: number,
  freeBytes: FreeBytes = freeDiskBytes,
): Promise<void> {
  const free = await writing(path, freeBytes(dirname(resolve(path))));
  if (byteLength <= free) return;
  const message = `${path} needs ${formatBytes(byteLength)}, and ${formatBytes(free)} are free on its disk: make room or choose another`;
  throw new HearthError('FILE_WRITE_FAILED', message, { path, byteLength, free });
}

/** Of a folder that is not there yet, on the disk of the one it will be in. */
export const freeDiskBytes: FreeBytes = async (folder) => {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(resolve(folder));
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    return freeDiskBytes(parent);
  }
};

/**
 * Says which file a failed operation was for.
 * @throws HearthError FILE_WRITE_FAILED
 */
export async function writing<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const reason = code === 'ENOSPC' ? 'ENOSPC, its disk is full' : (code ?? cause);
    throw new HearthError('FILE_WRITE_FAILED', `cannot write ${path}: ${reason}`, { path }, cause);
  }
}
