import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { type ErrorCode, HearthError } from '../../runtime/error.ts';
import { defaultFrameLimits, largestFrameBytes } from '../../runtime/protocol/frame.ts';
import type { Link } from '../link.ts';
import { type Logger, silentLogger } from '../logger.ts';
import { Session, type SessionEnd, type SessionState } from '../session.ts';
import { idleProcessors } from './compute-threads.ts';
import { type DeviceOptions, newNonce, nodeDevice } from './device.ts';
import { memoryBudget } from './memory-budget.ts';
import { websocketLink } from './websocket-link.ts';

/** Where agents knock. */
export const agentPath = '/ws/agent';

export type JoinStatus =
  | { readonly state: 'connecting'; readonly url: string }
  | { readonly state: SessionState }
  /** The link is down; the next try comes after the wait. */
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: string };

export interface JoinOptions {
  /** `ws://`, `wss://`, `http://` or `https://`; without a path, `/ws/agent` is meant. */
  readonly url: string;
  readonly secret: string;
  readonly name: string;
  /** Ends the work: the link is closed and the promise resolves. */
  readonly signal: AbortSignal;
  readonly onStatus?: (status: JoinStatus) => void;
  readonly logger?: Logger;
  /** First wait before trying again; it doubles up to `maxRetryMs`. */
  readonly minRetryMs?: number;
  readonly maxRetryMs?: number;
  /** Threads to compute in; by default as many as there are idle processors. */
  readonly threads?: number | undefined;
  /** What this process may take; by default what it has and what is available. */
  readonly memoryBytes?: number | undefined;
  /** What kept tiles may take of the disk. */
  readonly cacheBytes?: number | undefined;
  /** By default this machine and its kernels. */
  readonly device?: DeviceOptions;
}

/** Of a large message, before a model is known: parts of logits are smaller, tiles larger but soon gone. */
const messageBytes = 1 << 18;

/** Trying again would end the same way. */
const finalErrors: ReadonlySet<ErrorCode> = new Set([
  'JOIN_REFUSED',
  'PROTOCOL_VERSION_MISMATCH',
  'KERNEL_UNAVAILABLE',
]);

/**
 * Serves as a device of a coordinator until aborted; when the link breaks it comes back by itself.
 * @throws HearthError JOIN_REFUSED, PROTOCOL_VERSION_MISMATCH, KERNEL_UNAVAILABLE; USAGE for an impossible URL
 */
export async function joinCoordinator(options: JoinOptions): Promise<void> {
  const { signal, onStatus = () => {}, minRetryMs = 500, maxRetryMs = 15_000 } = options;
  const url = agentUrl(options.url);
  const device = options.device ?? deviceOf(options);
  let retryInMs = minRetryMs;
  while (!signal.aborted) {
    onStatus({ state: 'connecting', url });
    const end = await serveOnce(url, device, options);
    if (signal.aborted) return;
    if (end.error && finalErrors.has(end.error.code)) throw end.error;
    if (end.joined) retryInMs = minRetryMs;
    onStatus({
      state: 'waiting',
      retryInMs,
      reason: end.error?.message ?? end.reason,
    });
    await sleep(retryInMs, undefined, { signal }).catch(() => {});
    retryInMs = Math.min(retryInMs * 2, maxRetryMs);
  }
}

function deviceOf({
  logger = silentLogger,
  threads = idleProcessors(),
  ...options
}: JoinOptions): DeviceOptions {
  const memoryBytes = memoryBudget(options.memoryBytes, { threads, messageBytes });
  return nodeDevice({ logger, threads, memoryBytes, cacheBytes: options.cacheBytes });
}

/** One connection, from the first knock to its end. */
async function serveOnce(
  url: string,
  device: DeviceOptions,
  { secret, name, signal, onStatus, logger = silentLogger }: JoinOptions,
): Promise<SessionEnd> {
  const onState = (state: SessionState): void => onStatus?.({ state });
  const open = (): Link => websocketLink(openSocket(url));
  const identity = { secret, name, nonce: newNonce(), tileLinks: { open, newNonce } };
  // The session's time for the handshake runs from the knock.
  const session = new Session(open(), { logger, onState, ...device, ...identity });
  const leave = (): void => session.close();
  signal.addEventListener('abort', leave);
  const end = await session.ended;
  signal.removeEventListener('abort', leave);
  return end;
}

function openSocket(url: string): WebSocket {
  return new WebSocket(url, {
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: 10_000,
    maxPayload: largestFrameBytes(defaultFrameLimits),
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
  if (url.pathname === '/') url.pathname = agentPath;
  url.hash = '';
  return url.href;
}
