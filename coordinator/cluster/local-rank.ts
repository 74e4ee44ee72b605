import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type GpuWishes, noGpu } from '../../device-agent/gpu-wishes.ts';
import { type Logger, silentLogger } from '../../device-agent/logger.ts';
import { defaultDeviceName } from '../../device-agent/node/device.ts';
import { localLiveness } from '../../device-agent/node/local-liveness.ts';
import type { LocalWorkerData } from '../../device-agent/node/local-worker.ts';
import { messagePortLink } from '../../device-agent/node/message-port-link.ts';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import type { ModelPlace } from '../../runtime/model/tile-model.ts';
import { admit } from './admit.ts';
import type { Member } from './member.ts';

export interface LocalRankOptions {
  readonly name?: string;
  /** Threads to compute in. */
  readonly threads: number;
  /** What its memories may take. */
  readonly memoryBytes: number;
  /** What tiles that it keeps may take of the disk. */
  readonly cacheBytes?: number | undefined;
  /** By default it has none. */
  readonly gpu?: GpuWishes | undefined;
  /** The model that it cuts its tiles out of; without it they are sent to it. */
  readonly model?: ModelPlace | undefined;
  /** The built worker; by default the one in `dist/`. */
  readonly workerFile?: string;
  readonly logger?: Logger;
}

export interface LocalRank {
  readonly member: Member;
  /** Ends the thread. */
  stop(): Promise<void>;
}

/**
 * Starts a rank in a worker thread of this process. It joins as any device does, but over a MessagePort, which nobody
 * else can get at: there is nothing to prove or to seal.
 * @throws HearthError JOIN_FAILED, with what the thread died of
 */
export async function startLocalRank(options: LocalRankOptions): Promise<LocalRank> {
  const { logger = silentLogger, name = defaultDeviceName() } = options;
  const file = options.workerFile ?? join(packageRoot(), 'dist', 'device-agent', 'node', 'local-worker.js');
  const { port1, port2 } = new MessageChannel();
  const bell = new SharedArrayBuffer(4);
  const { threads, memoryBytes, cacheBytes, model, gpu = noGpu } = options;
  const rank = { threads, memoryBytes, cacheBytes, model, gpu };
  const workerData: LocalWorkerData = { port: port2, bell, name, ...rank };
  // It makes little garbage, and what it may keep of it is memory that the model lacks.
  const worker = new Worker(file, {
    workerData,
    transferList: [port2],
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  const link = messagePortLink(port1, bell);
  const died = new Promise<never>((_, reject) => {
    worker.once('error', (error) => {
      logger.error({ error }, 'the local rank died');
      port1.close();
      reject(new HearthError('JOIN_FAILED', `the local rank died: ${error.message}`, {}, error));
    });
  });
  // Later on a death is told by the link's end.
  died.catch(() => {});
  const admission = admit(link, {
    linkKind: 'local',
    liveness: localLiveness,
    handshakeTimeoutMs: 30_000,
  });
  try {
    const member = await Promise.race([admission, died]);
    return { member, stop: async () => void (await worker.terminate()) };
  } catch (error) {
    admission.catch(() => {});
    await worker.terminate();
    throw error;
  }
}
