import { type MessagePort, workerData } from 'node:worker_threads';
import { newNonce, nodeDevice } from './node/device.ts';
import { messagePortLink } from './node/message-port-link.ts';
import { Session } from './session.ts';

/** What `new Worker` of this file is given. */
export interface LocalWorkerData {
  readonly port: MessagePort;
  readonly secret: string;
  readonly name: string;
}

/** Entry point of a worker thread: a rank of this machine, joined to the coordinator in the main thread. */
const { port, secret, name } = workerData as LocalWorkerData;
new Session(messagePortLink(port), { ...nodeDevice(), secret, name, nonce: newNonce() });
