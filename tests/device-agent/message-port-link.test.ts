import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { messagePortLink } from '../../device-agent/node/message-port-link.ts';

test('an end that lingers takes frames in order, those that come meanwhile too, then hears of the end', async () => {
  const { port1, port2 } = new MessageChannel();
  const bell = new SharedArrayBuffer(4);
  const [near, far] = [messagePortLink(port1, bell), messagePortLink(port2, bell, true)];
  const heard: number[] = [];
  far.onFrame = ([number]) => {
    heard.push(number!);
    // In the same task: no event tells of it.
    if (number === 1) near.send(Uint8Array.of(4));
    if (number === 4) near.close(1000, 'done');
  };
  const ended = new Promise((resolve) => {
    far.onClose = (code, reason) => resolve({ code, reason });
  });
  for (const number of [1, 2, 3]) near.send(Uint8Array.of(number));
  expect(await ended).toEqual({ code: 1000, reason: 'done' });
  expect(heard).toEqual([1, 2, 3, 4]);
});

test('an end that lingers is woken by the bell', async () => {
  const bell = new SharedArrayBuffer(4);
  const { port1, port2 } = new MessageChannel();
  const far = messagePortLink(port2, bell, true);
  const heard: number[] = [];
  far.onFrame = ([number]) => heard.push(number!);
  // Another thread, since this one waits: it sends a frame, and the next when the first has been taken.
  const code = `
    const { workerData: { port, bell } } = require('node:worker_threads');
    const rung = new Int32Array(bell);
    for (let number = 1; number <= 50; number += 1) {
      port.postMessage(Uint8Array.of(number));
      Atomics.add(rung, 0, 1);
      Atomics.notify(rung, 0);
    }
    port.close();`;
  const worker = new Worker(code, { eval: true, workerData: { port: port1, bell }, transferList: [port1] });
  const closed = new Promise<void>((resolve) => {
    far.onClose = () => resolve();
  });
  await Promise.all([once(worker, 'exit'), closed]);
  expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});
