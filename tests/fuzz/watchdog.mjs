// A thread that looks on: when the other one has been at one input for too long, it says at which, and ends the process.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { workerData } from 'node:worker_threads';

const { shared, path, patienceMs } = workerData;
/** The number of the case and the length of its input, which follows. */
const state = new Int32Array(shared, 0, 2);
let [last, sinceMs] = [-1, Date.now()];

setInterval(() => {
  const [number, length] = state;
  if (number !== last) [last, sinceMs] = [number, Date.now()];
  else if (Date.now() - sinceMs > patienceMs) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, new Uint8Array(shared, 8, length));
    console.error(`HANG: case ${number} took more than ${patienceMs} ms; its input is in ${path}`);
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);
