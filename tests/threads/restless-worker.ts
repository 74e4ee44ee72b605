import { workerData } from 'node:worker_threads';
import { SharedTeam } from '../../runtime/threads/team.ts';

/** A thread that wakes whoever waits, again and again, before it comes to the barrier too. */
const { control, came } = workerData as { control: SharedArrayBuffer; came: SharedArrayBuffer };
const words = new Int32Array(control);
const flag = new Int32Array(came);
for (let round = 0; round < 40; round += 1) {
  for (const word of words.keys()) Atomics.notify(words, word);
  Atomics.wait(flag, 0, 0, 5);
}
Atomics.store(flag, 0, 1);
new SharedTeam(control, 1, 2).barrier();
