import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';
import { writing } from '../files/disk.ts';

/**
 * Runs a task while no other process, and no other task of this one, runs one with the same lock.
 * @throws HearthError PULL_BUSY, FILE_WRITE_FAILED
 */
export async function withLock<T>(path: string, task: () => Promise<T>): Promise<T> {
  const unlock = await takeLock(path, (holder) => {
    const message = `another hearth works on this model (process ${holder ?? 'unknown'}): let it finish; if it is none, remove ${path}`;
    return new HearthError('PULL_BUSY', message, { path, ...(holder && { holder }) });
  });
  try {
    return await task();
  } finally {
    await unlock();
  }
}

/**
 * Takes a lock, which is a file with the process id; one whose process is gone counts for nothing.
 * @param busy what is thrown while somebody else has it
 * @returns what gives it back
 * @throws HearthError FILE_WRITE_FAILED
 */
export async function takeLock(
  path: string,
  busy: (holder: number | undefined) => HearthError,
): Promise<() => Promise<void>> {
  const own = `${path}.${randomUUID()}`;
  await writing(path, writeFile(own, String(process.pid)));
  try {
    if (!(await acquire(path, own))) throw busy(await lockHolder(path));
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(path, { force: true });
}

/** The process that holds a lock; undefined where none does. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, 'utf8').catch(() => undefined));
  return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
}

/** A link appears with its content, at once and for one process only. */
async function acquire(path: string, own: string): Promise<boolean> {
  if (await tryLink(own, path)) return true;
  if ((await lockHolder(path)) !== undefined) return false;
  // Of several that find it stale one moves it away. A lock moved by mistake, taken meanwhile, goes back.
  const stale = `${own}.stale`;
  await rename(path, stale).catch(() => {});
  if ((await lockHolder(stale)) !== undefined) await tryLink(stale, path);
  await rm(stale, { force: true });
  return tryLink(own, path);
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return writing(to, Promise.reject(error));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It may be another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
