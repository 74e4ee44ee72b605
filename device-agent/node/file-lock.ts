import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** What is done under a lock takes milliseconds: who has held one for longer was killed. */
const staleMs = 2_000;
const pauseMs = 2;
const nothingHappens = new Int32Array(new SharedArrayBuffer(4));
/** Of this thread. */
const held = new Set<string>();

/**
 * Reads and writes a file while no other process does so under its lock, a file beside it. This thread waits for its turn;
 * a task may do so again.
 * @throws what the task throws, and what the file system does
 */
export function whileLocked<T>(path: string, task: () => T): T {
  if (held.has(path)) return task();
  const lock = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  while (!take(lock)) Atomics.wait(nothingHappens, 0, 0, pauseMs);
  held.add(path);
  try {
    return task();
  } finally {
    held.delete(path);
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const nowMs = Date.now();
    const { mtimeMs = nowMs } = statSync(lock, { throwIfNoEntry: false }) ?? {};
    // Of the future it is where the clock was set back.
    if (Math.abs(nowMs - mtimeMs) > staleMs) rmSync(lock, { force: true });
    return false;
  }
}
