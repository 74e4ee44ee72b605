import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { HearthError } from '../../runtime/error.ts';
import { writing } from '../files/disk.ts';

/**
 * Runs a task while no other process, and no other task of this one, runs one with the same lock. The lock is a file with
 * the process id; one whose process is gone counts for nothing.
 * @throws HearthError PULL_BUSY, FILE_WRITE_FAILED
 */
export async function withLock<T>(path: string, task: () => Promise<T>): Promise<T> {
  const own = `${path}.${randomUUID()}`;
  await writing(path, writeFile(own, String(process.pid)));
  try {
    await acquire(path, own);
  } finally {
    await rm(own, { force: true });
  }
  try {
    return await task();
  } finally {
    await rm(path, { force: true });
  }
}

/** The process that holds a lock; undefined where none does. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, 'utf8').catch(() => undefined));
  return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
}

/** A link appears with its content, at once and for one process only. */
async function acquire(path: string, own: string): Promise<void> {
  if (await tryLink(own, path)) return;
  if ((await lockHolder(path)) === undefined) {
    // Of several that find it stale one moves it away. A lock moved by mistake, taken meanwhile, goes back.
    const stale = `${own}.stale`;
    await rename(path, stale).catch(() => {});
    if ((await lockHolder(stale)) !== undefined) await tryLink(stale, path);
    await rm(stale, { force: true });
    if (await tryLink(own, path)) return;
  }
  const holder = await lockHolder(path);
  const message = `another hearth works on this model (process ${holder ?? 'unknown'}): let it finish; if it is none, remove ${path}`;
  throw new HearthError('PULL_BUSY', message, { path, ...(holder && { holder }) });
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
