import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

/** Begins case 1 of the bytes 7, 8, 9 under a watchdog of half a second, and goes on with `body`. */
async function watched(body: string) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-watchdog-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'hang');
  const script = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const shared = new SharedArrayBuffer(16);
    const watchdog = new Worker(${JSON.stringify(new URL('watchdog.mjs', import.meta.url).pathname)},
      { workerData: { shared, path: ${JSON.stringify(path)}, patienceMs: 500 } });
    await once(watchdog, 'online');
    const state = new Int32Array(shared, 0, 2);
    new Uint8Array(shared, 8).set([7, 8, 9]);
    state[1] = 3;
    state[0] = 1;
    ${body}
    await watchdog.terminate();`;
  const main = join(folder, 'main.mjs');
  writeFileSync(main, script);
  const run = promisify(execFile)(process.execPath, [main], { timeout: 30_000 });
  const { signal, stderr } = await run.then(
    ({ stderr }) => ({ signal: undefined, stderr }),
    ({ signal, stderr }: { signal: string; stderr: string }) => ({ signal, stderr }),
  );
  return { signal, stderr, input: existsSync(path) ? [...readFileSync(path)] : undefined };
}

test('an input that takes a processor for ever ends the process, and is kept', async () => {
  const { signal, stderr, input } = await watched('for (;;);');
  expect(signal).toBe('SIGKILL');
  expect(stderr).toMatch(/^HANG: case 1 /);
  expect(input).toEqual([7, 8, 9]);
}, 60_000);

test('an input that waits for ever does so too', async () => {
  const { signal, input } = await watched('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
  expect(signal).toBe('SIGKILL');
  expect(input).toEqual([7, 8, 9]);
}, 60_000);

test('one that gets no processor for a while is waited for', async () => {
  const { signal, stderr, input } = await watched(
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);',
  );
  expect({ signal, stderr, input }).toEqual({ signal: undefined, stderr: '', input: undefined });
}, 60_000);
