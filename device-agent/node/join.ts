import { WebSocket } from 'ws';
import { HearthError } from '../../runtime/error.ts';
import { defaultFrameLimits, largestFrameBytes } from '../../runtime/protocol/frame.ts';
import { sealedOverhead } from '../../runtime/secure/sealed-frames.ts';
import { agentPath, type DeviceOptions, type JoinWishes, keepJoined } from '../keep-joined.ts';
import { type GpuWishes, noGpu } from '../gpu-wishes.ts';
import { silentLogger } from '../logger.ts';
import { idleProcessors } from './compute-threads.ts';
import { nodeDevice } from './device.ts';
import { memoryBudget } from './memory-budget.ts';
import { nodeCryptography } from './node-cryptography.ts';
import { openNodeGpu } from './open-gpu.ts';
import { websocketLink } from './websocket-link.ts';

/** Where pages are that let a browser join; for a device it means the same coordinator. */
const joinPath = '/join';

export interface JoinOptions extends JoinWishes {
  /** `ws://`, `wss://`, `http://` or `https://`; without a path, or with `/join`, `/ws/agent` is meant. */
  readonly url: string;
  /** Threads to compute in; by default as many as there are idle processors. */
  readonly threads?: number | undefined;
  /** What this process may take; by default what it has and what is available. */
  readonly memoryBytes?: number | undefined;
  /** What kept tiles may take of the disk. */
  readonly cacheBytes?: number | undefined;
  readonly gpu?: GpuWishes | undefined;
  /** By default this machine and its kernels. */
  readonly device?: DeviceOptions;
}

/** Of a large message, before a model is known: parts of logits are smaller, tiles larger but soon gone. */
const messageBytes = 1 << 18;

/**
 * Serves as a device of a coordinator until aborted; when the link breaks it comes back by itself.
 * @throws HearthError USAGE for an impossible URL; what `keepJoined` throws
 */
export async function joinCoordinator(options: JoinOptions): Promise<void> {
  const url = agentUrl(options.url);
  const openLink = () => websocketLink(openSocket(url));
  const join = (device: DeviceOptions) =>
    keepJoined({ ...options, url, openLink, cryptography: nodeCryptography, device });
  await (options.device ? join(options.device) : joinHere(options, join));
}

/** As this machine, its GPU included. */
async function joinHere(
  { logger = silentLogger, threads = idleProcessors(), ...options }: JoinOptions,
  join: (device: DeviceOptions) => Promise<void>,
): Promise<void> {
  const memoryBytes = memoryBudget(options.memoryBytes, { threads, messageBytes });
  const gpu = await openNodeGpu(options.gpu ?? noGpu, { logger, threads, rankBytes: memoryBytes });
  try {
    await join(nodeDevice({ logger, threads, memoryBytes, cacheBytes: options.cacheBytes, gpu }));
  } finally {
    gpu?.close();
  }
}

function openSocket(url: string): WebSocket {
  return new WebSocket(url, {
    perMessageDeflate: false,
    followRedirects: false,
    // The coordinator proves itself within, by the key that the device was paired with: whose certificate it is says nothing.
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    maxPayload: largestFrameBytes(defaultFrameLimits) + sealedOverhead,
    // Masking protects proxies from what pages make browsers send. Between our own processes it only costs:
    // with a mask of zeros both sides skip it.
    generateMask: (mask) => mask.fill(0),
  });
}

/** @throws HearthError USAGE */
export function agentUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw new HearthError(
      'USAGE',
      `"${text}" is no address of a coordinator, such as ws://192.168.1.5:8080`,
      {
        url: text,
      },
    );
  }
  url.protocol = url.protocol.replace('http', 'ws');
  if (url.pathname === '/' || url.pathname === joinPath) url.pathname = agentPath;
  url.hash = '';
  return url.href;
}
