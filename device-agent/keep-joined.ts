import { type ErrorCode, HearthError } from '../runtime/error.ts';
import { normalClose } from '../runtime/protocol/close-codes.ts';
import type { Cryptography } from '../runtime/secure/cryptography.ts';
import { type Clock, once, systemClock } from './clock.ts';
import { type Credentials, joining, knock } from './knock.ts';
import type { Link } from './link.ts';
import { type Logger, silentLogger } from './logger.ts';
import { Session, type SessionEnd, type SessionOptions, type SessionState } from './session.ts';
import { defaultHandshakeTimeoutMs } from './session-options.ts';

/** Where agents knock. */
export const agentPath = '/ws/agent';

/** Who a device is and whom it obeys, where that is remembered. */
export interface RememberingCredentials extends Credentials {
  /** The coordinator of this key has taken the device in. */
  remember(coordinator: Uint8Array, url: string): void;
}

/** A session's options without what is the owner's. */
export type DeviceOptions = Omit<SessionOptions, 'name' | 'tileLinks'>;

export type JoinStatus =
  | { readonly state: 'connecting'; readonly url: string }
  | { readonly state: SessionState }
  /** The link is down; the next try comes after the wait. */
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: string };

/** What the owner of a device says of how it joins. */
export interface JoinWishes {
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
}

export interface KeepJoinedOptions extends JoinWishes {
  /** The coordinator's address for devices. */
  readonly url: string;
  readonly openLink: (url: string) => Link;
  readonly cryptography: Cryptography;
  readonly device: DeviceOptions;
}

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
 *   KERNEL_UNAVAILABLE
 */
export async function keepJoined(options: KeepJoinedOptions): Promise<void> {
  const { url, secret, signal, onStatus = () => {}, minRetryMs = 500, maxRetryMs = 15_000 } = options;
  let retryInMs = minRetryMs;
  // The coordinator may have forgotten a device that still has the secret.
  let isForgotten = false;
  while (!signal.aborted) {
    onStatus({ state: 'connecting', url });
    const end = await serveOnce(options, isForgotten);
    if (signal.aborted) return;
    const wasForgotten = isForgotten;
    isForgotten = secret !== undefined && end.error?.code === 'DEVICE_NOT_PAIRED' && !end.joined;
    if (isForgotten && !wasForgotten) continue;
    if (end.error && finalErrors.has(end.error.code)) throw end.error;
    if (end.joined) retryInMs = minRetryMs;
    onStatus({
      state: 'waiting',
      retryInMs,
      reason: end.error?.message ?? end.reason,
    });
    await wait(options.device.clock ?? systemClock, retryInMs, signal);
    retryInMs = Math.min(retryInMs * 2, maxRetryMs);
  }
}

/** One connection, from the first knock to its end. */
async function serveOnce(options: KeepJoinedOptions, isForgotten: boolean): Promise<SessionEnd> {
  const { url, openLink, cryptography, device, secret, credentials, signal } = options;
  const over = new AbortController();
  const link = openLink(url);
  let leave = (): void => link.close(normalClose, 'the device left');
  signal.addEventListener('abort', () => leave(), { once: true, signal: over.signal });
  const { softwareVersion, clock = systemClock, handshakeTimeoutMs = defaultHandshakeTimeoutMs } = device;
  const knows = (coordinator: Uint8Array): boolean => !isForgotten && credentials.knows(coordinator);
  const opener = joining(cryptography, { own: credentials.own, knows }, secret, softwareVersion);
  // The time for the handshake runs from the knock.
  const knocked = knock(link, { opener, clock, handshakeTimeoutMs }, (sealed, coordinator) => {
    const session = startSession(sealed, options, () => remember(coordinator, options));
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
  { url, openLink, cryptography, device, name, onStatus, logger = silentLogger }: KeepJoinedOptions,
  onJoined: () => void,
): Session {
  const onState = (state: SessionState): void => {
    if (state === 'joined') onJoined();
    onStatus?.({ state });
  };
  const tileLinks = { open: () => openLink(url), cryptography };
  return new Session(sealed, { logger, onState, ...device, name, tileLinks });
}

/** Where it cannot be kept, the device works nevertheless. */
function remember(
  coordinator: Uint8Array,
  { url, credentials, logger = silentLogger }: KeepJoinedOptions,
): void {
  try {
    credentials.remember(coordinator, url);
  } catch (error) {
    logger.warn({ error }, 'the coordinator cannot be remembered: the next time takes the secret again');
  }
}

/** @returns when the time is over or the signal is aborted */
function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const stop = once(clock, milliseconds, end);
    function end(): void {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end);
  });
}
