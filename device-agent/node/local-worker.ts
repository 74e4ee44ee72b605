import { type MessagePort, workerData } from 'node:worker_threads';
import type { FileVersion } from '../../runtime/gguf/source.ts';
import { silentLogger } from '../logger.ts';
import { Session } from '../session.ts';
import { newNonce, nodeDevice } from './device.ts';
import { localLiveness } from './local-liveness.ts';
import { messagePortLink } from './message-port-link.ts';
import { openModelHere } from './model-here.ts';

/** What `new Worker` of this file is given. */
export interface LocalWorkerData {
  readonly port: MessagePort;
  readonly secret: string;
  readonly name: string;
  /** Threads of its rank; by default as many as there are idle processors. */
  readonly threads?: number;
  /** The coordinator's model. */
  readonly model?: FileVersion;
}

/** Entry point of a worker thread: a rank of this machine, joined to the coordinator in the main thread. */
const { port, secret, name, threads, model } = workerData as LocalWorkerData;
const device = nodeDevice(silentLogger, threads, model && (await openModelHere(model)));
new Session(messagePortLink(port), { ...device, secret, name, nonce: newNonce(), liveness: localLiveness });
