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
  writeFileSync(`${path}.lock`, '');
  // Another thread, since this one waits: it writes what it has to, and lets go.
  const other = new Worker(
    `const { writeFileSync, rmSync } = require('node:fs');
    writeFileSync(${JSON.stringify(path)}, 'written');
    rmSync(${JSON.stringify(`${path}.lock`)});`,
    { eval: true },
  );
  const ended = new Promise((resolve) => other.once('exit', resolve));
  const keepFresh = Date.now() / 1000 + 60;
  utimesSync(`${path}.lock`, keepFresh, keepFresh);
  expect(whileLocked(path, () => readFileSync(path, 'utf8'))).toBe('written');
  await ended;
});

it('of somebody who was killed does not count', () => {
  writeFileSync(`${path}.lock`, '');
  utimesSync(`${path}.lock`, 1, 1);
  expect(whileLocked(path, isLocked)).toBe(true);
  expect(isLocked()).toBe(false);
});
