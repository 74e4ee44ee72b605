import { parentPort } from 'node:worker_threads';
import { type EncodeJob, encodeRows } from './encode-rows.ts';

/** Entry point of a worker thread that encodes rows, job after job. */
parentPort!.on('message', (job: EncodeJob) => {
  const encoded = encodeRows(job);
  parentPort!.postMessage(encoded, encoded ? [encoded.buffer] : []);
});
