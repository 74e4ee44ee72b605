import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whileLocked } from '../../device-agent/node/file-lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-lock-'));
  path = join(folder, 'list.json');
});
afterEach(() => rmSync(folder, { recursive: true }));
const isLocked = (): boolean => existsSync(`${path}.lock`);

it('is held during the task, tasks within it included, and given back', () => {
  const inner = whileLocked(path, () => whileLocked(path, isLocked) && isLocked());
  expect(inner).toBe(true);
  expect(isLocked()).toBe(false);
  const failing = (): never => {
    throw new Error('no');
  };
  expect(() => whileLocked(path, failing)).toThrow('no');
  expect(isLocked()).toBe(false);
});

it('is waited for', async () => {
  // Another thread, since this one waits: it writes what it has to, and lets go.
  const other = new Worker(
    `const { rmSync, utimesSync, writeFileSync } = require('node:fs');
    const { parentPort, workerData: path } = require('node:worker_threads');
    const lock = path + '.lock';
    writeFileSync(lock, '');
    parentPort.postMessage('locked');
    for (let i = 0; i < 20; i += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      utimesSync(lock, new Date(), new Date());
    }
    writeFileSync(path, 'written');
    rmSync(lock);`,
    { eval: true, workerData: path },
  );
  const ended = once(other, 'exit');
  await once(other, 'message');
  expect(whileLocked(path, () => readFileSync(path, 'utf8'))).toBe('written');
  await ended;
});

it('of somebody who was killed does not count', () => {
  writeFileSync(`${path}.lock`, '');
  utimesSync(`${path}.lock`, 1, 1);
  expect(whileLocked(path, isLocked)).toBe(true);
  expect(isLocked()).toBe(false);
});
