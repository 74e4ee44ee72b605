import { setTimeout as delay } from 'node:timers/promises';
import { HearthError } from '../../runtime/error.ts';

/** Something that may go well the next time. */
export class Transient extends Error {
  /** How long the server asks to wait. */
  readonly waitMs: number | undefined;

  constructor(message: string, waitMs?: number) {
    super(message);
    this.waitMs = waitMs;
  }
}

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** How often to try, the first time included. */
  readonly tries?: number;
  /** Doubles with each try. */
  readonly firstDelayMs?: number;
}

/** A server that asks for longer is not waited for. */
export const longestWaitMs = 120_000;

/**
 * Tries again what failed for a reason that may pass: anything but a HearthError, which is final, and a certificate that
 * is not trusted.
 * @param what the beginning of the error's message
 * @throws HearthError PULL_FAILED after the last try; REQUEST_CANCELLED on the signal
 */
export async function withRetries<T>(
  what: string,
  attempt: () => Promise<T>,
  { signal, tries = 6, firstDelayMs = 500 }: RetryOptions = {},
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      signal?.throwIfAborted();
      return await attempt();
    } catch (error) {
      if (signal?.aborted) throw interrupted(what);
      if (error instanceof HearthError) throw error;
      const asked = error instanceof Transient ? error.waitMs : undefined;
      const waitMs = asked ?? firstDelayMs * 2 ** (failures - 1);
      if (failures >= tries || waitMs > longestWaitMs || isUntrusted(error)) throw failed(what, error);
      await delay(waitMs, undefined, { ...(signal && { signal }) }).catch(() => {
        throw interrupted(what);
      });
    }
  }
}

/** @param header in seconds or as a date (RFC 9110) @returns undefined where there is none that can be read */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

export function interrupted(what: string): HearthError {
  return new HearthError(
    'REQUEST_CANCELLED',
    `${what}: interrupted; the same command goes on where it stopped`,
  );
}

function failed(what: string, cause: unknown): HearthError {
  const message = `${what}: ${reason(cause)}; the same command goes on where it stopped`;
  return new HearthError('PULL_FAILED', message, {}, cause);
}

function isUntrusted(error: unknown): boolean {
  return /^(CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(codeOf(error) ?? '');
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text || (codeOf(error) ?? 'the connection failed');
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
