// A thread that looks on: when the other one has been at one input for too long, it says at which, and ends the process.
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { workerData } from 'node:worker_threads';

const { shared, path, patienceMs } = workerData;
/** The number of the case and the length of its input, which follows. */
const state = new Int32Array(shared, 0, 2);
const periodMs = 500;
/** Whoever waits for ever takes no processor. */
const idlePatienceMs = 10 * patienceMs;
// The processor's time, since a busy machine may leave the process none; and looks, since it may stand still.
let [last, sinceMs, looks] = [-1, 0, 0];

const processorMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

setInterval(() => {
  const [number, length] = state;
  const nowMs = processorMs();
  if (number !== last) [last, sinceMs, looks] = [number, nowMs, 0];
  const ms = Math.round(nowMs - sinceMs);
  if (ms <= patienceMs && ++looks * periodMs <= idlePatienceMs) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, new Uint8Array(shared, 8, length));
  // What console says goes through the thread that hangs.
  writeSync(2, `HANG: case ${number} took ${ms} ms of processors and did not end; its input is in ${path}\n`);
  process.kill(process.pid, 'SIGKILL');
}, periodMs);
