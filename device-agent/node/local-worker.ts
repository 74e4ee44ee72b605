import { type MessagePort, workerData } from 'node:worker_threads';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import type { GpuWishes } from '../gpu-wishes.ts';
import { Session } from '../session.ts';
import { nodeDevice } from './device.ts';
import { localLiveness } from './local-liveness.ts';
import { messagePortLink } from './message-port-link.ts';
import { openModelHere } from './model-here.ts';
import { openNodeGpu } from './open-gpu.ts';
import { plainLogger } from './plain-logger.ts';

/** What `new Worker` of this file is given. */
export interface LocalWorkerData {
  readonly port: MessagePort;
  /** What tells it of messages on the port. */
  readonly bell: SharedArrayBuffer;
  readonly name: string;
  /** Threads of its rank. */
  readonly threads: number;
  /** What the memories of its rank may take. */
  readonly memoryBytes: number;
  readonly cacheBytes: number | undefined;
  readonly gpu: GpuWishes;
  /** The coordinator's model. */
  readonly model: ModelPlace | undefined;
}

/** Entry point of a worker thread: a rank of this machine, joined to the coordinator in the main thread. */
const { port, bell, name, threads, memoryBytes, cacheBytes, ...given } = workerData as LocalWorkerData;
const model = given.model && (await openModelHere(given.model));
// The hub's thread.
const syncThreads = 1;
const logger = plainLogger;
const gpu = await openNodeGpu(given.gpu, { logger, threads, rankBytes: memoryBytes });
const device = nodeDevice({ logger, threads, syncThreads, memoryBytes, cacheBytes, model, gpu });
new Session(messagePortLink(port, bell, true), { ...device, name, liveness: localLiveness });
