import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { type ErrorCode, HearthError } from '../../runtime/error.ts';
import { normalClose } from '../../runtime/protocol/close-codes.ts';
import { defaultFrameLimits, largestFrameBytes } from '../../runtime/protocol/frame.ts';
import { sealedOverhead } from '../../runtime/secure/sealed-frames.ts';
import { systemClock } from '../clock.ts';
import { type Credentials, joining, knock } from '../knock.ts';
import type { Link } from '../link.ts';
import { type Logger, silentLogger } from '../logger.ts';
import { Session, type SessionEnd, type SessionState } from '../session.ts';
import { defaultHandshakeTimeoutMs } from '../session-options.ts';
import { idleProcessors } from './compute-threads.ts';
import { type DeviceOptions, nodeDevice } from './device.ts';
import { memoryBudget } from './memory-budget.ts';
import { nodeCryptography } from './node-cryptography.ts';
import { websocketLink } from './websocket-link.ts';

/** Where agents knock. */
export const agentPath = '/ws/agent';
/** Where pages are that let a browser join; for a device it means the same coordinator. */
const joinPath = '/join';

/** Who a device is and whom it obeys, where that is remembered. */
export interface RememberingCredentials extends Credentials {
  /** The coordinator of this key has taken the device in. */
  remember(coordinator: Uint8Array, url: string): void;
}

export type JoinStatus =
  | { readonly state: 'connecting'; readonly url: string }
  | { readonly state: SessionState }
  /** The link is down; the next try comes after the wait. */
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: string };

export interface JoinOptions {
  /** `ws://`, `wss://`, `http://` or `https://`; without a path, or with `/join`, `/ws/agent` is meant. */
  readonly url: string;
  /** Needed only where the device is not paired with the coordinator yet. */
  readonly secret?: string | undefined;
  readonly credentials: RememberingCredentials;
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
  'DEVICE_NOT_PAIRED',
  'COORDINATOR_UNKNOWN',
  'PROTOCOL_VERSION_MISMATCH',
  'KERNEL_UNAVAILABLE',
]);

/**
 * Serves as a device of a coordinator until aborted; when the link breaks it comes back by itself.
 * @throws HearthError JOIN_REFUSED, DEVICE_NOT_PAIRED, COORDINATOR_UNKNOWN, PROTOCOL_VERSION_MISMATCH,
 *   KERNEL_UNAVAILABLE; USAGE for an impossible URL
 */
export async function joinCoordinator(options: JoinOptions): Promise<void> {
  const { signal, onStatus = () => {}, minRetryMs = 500, maxRetryMs = 15_000 } = options;
  const url = agentUrl(options.url);
  const device = options.device ?? deviceOf(options);
  let retryInMs = minRetryMs;
  // The coordinator may have forgotten a device that still has the secret.
  let isForgotten = false;
  while (!signal.aborted) {
    onStatus({ state: 'connecting', url });
    const end = await serveOnce(url, device, options, isForgotten);
    if (signal.aborted) return;
    const wasForgotten = isForgotten;
    isForgotten = options.secret !== undefined && end.error?.code === 'DEVICE_NOT_PAIRED' && !end.joined;
    if (isForgotten && !wasForgotten) continue;
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
  options: JoinOptions,
  isForgotten: boolean,
): Promise<SessionEnd> {
  const { secret, credentials, signal } = options;
  const over = new AbortController();
  const link = websocketLink(openSocket(url));
  let leave = (): void => link.close(normalClose, 'the device left');
  signal.addEventListener('abort', () => leave(), { once: true, signal: over.signal });
  const { softwareVersion, clock = systemClock, handshakeTimeoutMs = defaultHandshakeTimeoutMs } = device;
  const knows = (coordinator: Uint8Array): boolean => !isForgotten && credentials.knows(coordinator);
  const opener = joining(nodeCryptography, { own: credentials.own, knows }, secret, softwareVersion);
  // The time for the handshake runs from the knock.
  const knocked = knock(link, { opener, clock, handshakeTimeoutMs }, (sealed, coordinator) => {
    const session = startSession(sealed, url, device, options, () => remember(coordinator, url, options));
    leave = () => session.close();
    return session;
  });
  try {
    return await knocked.then(({ ended }) => ended);
  } catch (error) {
    if (!(error instanceof HearthError)) throw error;
    return { joined: false, error, reason: error.message };
  } finally {
    over.abort();
  }
}

function startSession(
  sealed: Link,
  url: string,
  device: DeviceOptions,
  { name, onStatus, logger = silentLogger }: JoinOptions,
  onJoined: () => void,
): Session {
  const onState = (state: SessionState): void => {
    if (state === 'joined') onJoined();
    onStatus?.({ state });
  };
  const tileLinks = { open: () => websocketLink(openSocket(url)), cryptography: nodeCryptography };
  return new Session(sealed, { logger, onState, ...device, name, tileLinks });
}

/** Where it cannot be kept, the device works nevertheless. */
function remember(
  coordinator: Uint8Array,
  url: string,
  { credentials, logger = silentLogger }: JoinOptions,
): void {
  try {
    credentials.remember(coordinator, url);
  } catch (error) {
    logger.warn({ error }, 'the coordinator cannot be remembered: the next time takes the secret again');
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
