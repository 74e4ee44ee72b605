// A thread that looks on: when the other one has been at one input for too long, it says at which, and ends the process.
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { workerData } from 'node:worker_threads';

const { shared, path, patienceMs } = workerData;
/** The number of the case and the length of its input, which follows. */
const state = new Int32Array(shared, 0, 2);
const periodMs = 500;
// Time is counted in looks, so that what passes while the process stands still does not count.
let [last, looks] = [-1, 0];

setInterval(() => {
  const [number, length] = state;
  if (number !== last) [last, looks] = [number, 0];
  else if (++looks * periodMs > patienceMs) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, new Uint8Array(shared, 8, length));
    // What console says goes through the thread that hangs.
    writeSync(2, `HANG: case ${number} took more than ${patienceMs} ms; its input is in ${path}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, periodMs);
