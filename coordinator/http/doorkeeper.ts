import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { HearthError } from '../../runtime/error.ts';
import type { Scope } from '../access/access-key.ts';
import type { Caller, KeyRing } from '../access/key-ring.ts';
import { RateLimit } from '../access/rate-limit.ts';
import { isSameOrigin } from '../host-guard.ts';
import { networkOf } from '../ip-address.ts';
import { OpenRequests } from './open-requests.ts';
import { type Peer, peerOf } from './peer.ts';

/**
 * What a route asks of whoever uses it: `open` nothing at all, `page` that nobody between can read along, `chat` and
 * `admin` a key of that scope too.
 */
export type Level = 'open' | 'page' | Scope;

export interface DoorkeeperOptions {
  /** Without, whoever reaches this server may do everything. */
  readonly keys?: KeyRing;
  /** Lets other machines speak without TLS, to be read by all who listen. */
  readonly plainHttp?: boolean;
  readonly requests?: RateLimit;
  readonly failures?: RateLimit;
}

/** Looks at each request: who it is from, and whether that one may do this, and this often. */
export class Doorkeeper {
  readonly #keys: KeyRing | undefined;
  readonly #plainHttp: boolean;
  /** Of each address of another machine, and of each key. */
  readonly #requests: RateLimit;
  /** Wrong keys of each address. A weak one that a person chose could be guessed otherwise. */
  readonly #failures: RateLimit;

  readonly #open = new OpenRequests((key) => this.#isGood(key));

  constructor(options: DoorkeeperOptions) {
    this.#keys = options.keys;
    this.#plainHttp = options.plainHttp ?? false;
    this.#requests = options.requests ?? new RateLimit({ burst: 400, perSecond: 100 });
    this.#failures = options.failures ?? new RateLimit({ burst: 10, perSecond: 1 / 6 });
  }

  /** @throws HearthError TLS_REQUIRED, RATE_LIMITED, REQUEST_UNAUTHORIZED, SESSION_ENDED, SCOPE_MISSING */
  enter(hono: Context, level: Level): void {
    const peer = peerOf(hono);
    if (level !== 'open' && !this.#isPrivate(peer)) throw tlsRequired();
    if (!peer.isLocal) this.#requests.take(networkOf(peer.address));
    if (level === 'open' || level === 'page') return;
    const caller = this.caller(hono);
    this.#watch(hono);
    if (level === 'admin' && caller.scope !== 'admin') throw scopeMissing();
    if (this.#keys) this.#requests.take(`key ${caller.name}`);
  }

  /**
   * Who sent a request, by its key or its session.
   * @throws HearthError RATE_LIMITED, REQUEST_UNAUTHORIZED, SESSION_ENDED
   */
  caller(hono: Context): Caller {
    if (!this.#keys) return { name: 'this machine', scope: 'admin' };
    const authorization = hono.req.header('authorization');
    if (authorization !== undefined) return this.#callerOf(this.#keys, authorization, peerOf(hono));
    const session = sessionOf(hono);
    if (session === undefined) throw keyWanted();
    const caller = this.#keys.find(session);
    if (caller) return caller;
    // Of a page that was open when its session ended there are many: they count for nothing.
    const message = 'this session has ended or was revoked: open the link again, or enter a key';
    throw new HearthError('SESSION_ENDED', message);
  }

  /** For as long as it is answered. */
  #watch(hono: Context): void {
    const { outgoing } = (hono.env ?? {}) as { outgoing?: ServerResponse };
    const key = bearerOf(hono.req.header('authorization')) ?? sessionOf(hono);
    if (this.#keys && outgoing && key !== undefined) this.#open.add(outgoing, key);
  }

  #callerOf(keys: KeyRing, authorization: string, { address }: Peer): Caller {
    const network = networkOf(address);
    this.#failures.check(network);
    const key = bearerOf(authorization);
    const caller = key === undefined ? undefined : keys.find(key);
    if (caller) return caller;
    this.#failures.count(network);
    throw keyWanted();
  }

  /** Where keys cannot be read any more, none is. */
  #isGood(key: string): boolean {
    try {
      return this.#keys?.find(key) !== undefined;
    } catch {
      return false;
    }
  }

  #isPrivate({ isLocal, isEncrypted }: Peer): boolean {
    return isLocal || isEncrypted || this.#plainHttp;
  }
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** A browser's cookies are those of all ports of a host, so the port is in the name. */
export function sessionCookie({ isEncrypted, port }: Peer): string {
  return `${isEncrypted ? '__Host-' : ''}hearth-${port}`;
}

/** What a browser that has a session sends by itself: it counts only where a page of this very server asks. */
export function sessionOf(hono: Context): string | undefined {
  const { req } = hono;
  const origin = req.header('origin');
  const peer = peerOf(hono);
  if (origin !== undefined && !isSameOrigin(origin, req.header('host'), peer.isEncrypted)) return undefined;
  return getCookie(hono, sessionCookie(peer));
}

function keyWanted(): HearthError {
  return new HearthError(
    'REQUEST_UNAUTHORIZED',
    'this server wants a key of its API, sent as "Authorization: Bearer KEY"',
  );
}

function scopeMissing(): HearthError {
  return new HearthError('SCOPE_MISSING', 'this key is for chats: only one of scope admin may do this');
}

function tlsRequired(): HearthError {
  return new HearthError(
    'TLS_REQUIRED',
    'other machines must use https:// here; /trust on this address says how they come to trust it',
  );
}
