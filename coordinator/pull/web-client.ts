import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { packageVersion } from '../../device-agent/node/package-root.ts';
import { HearthError } from '../../runtime/error.ts';
import { isPublicAddress } from './address.ts';
import { type AllowAddress, guardedLookup, maxRedirects, redirectTarget } from './redirects.ts';

export interface WebClientOptions {
  /** A bearer token and the one origin that may have it. */
  readonly credentials?: { readonly origin: string; readonly token: string } | undefined;
  /** A connection on which nothing comes for so long is given up. */
  readonly stallMs?: number;
  readonly lookup?: LookupFunction;
  /** Where redirects may lead. */
  readonly allowAddress?: AllowAddress;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** The origin that the user named, by default the URL's own. */
  readonly trustedOrigin?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** Whose answer it is, behind all redirects. */
  readonly url: URL;
}

/**
 * Fetches from servers that are not trusted: redirects are followed by hand and within bounds, a token goes to its own
 * origin only, proxies are those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`). Behind a proxy it is the
 * proxy that looks names up, so there only addresses in URLs are checked.
 */
export class WebClient {
  readonly #credentials: WebClientOptions['credentials'];
  readonly #allow: AllowAddress;
  readonly #stallMs: number;
  /** To the origin that the user named, and to all others. */
  readonly #trusting: Dispatcher;
  readonly #guarded: Dispatcher;

  constructor(options: WebClientOptions = {}) {
    const { stallMs = 30_000, allowAddress = isPublicAddress } = options;
    // Node's own has an overload for every shape of answer, of which sockets use one.
    const lookup = options.lookup ?? (systemLookup as LookupFunction);
    this.#credentials = options.credentials;
    this.#allow = allowAddress;
    this.#stallMs = stallMs;
    const agent = (how: LookupFunction) =>
      new EnvHttpProxyAgent({ connect: { lookup: how, timeout: stallMs } });
    this.#trusting = agent(lookup);
    this.#guarded = agent(guardedLookup(lookup, allowAddress));
  }

  /**
   * Whoever calls reads the body or discards it.
   * @throws HearthError PULL_REFUSED for a redirect that is not followed; else what undici throws
   */
  async get(url: URL, options: GetOptions = {}): Promise<Answer> {
    const { trustedOrigin = url.origin } = options;
    let at = url;
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const { statusCode: status, headers, body } = await this.#request(at, trustedOrigin, options);
      const { location } = headers;
      if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string')
        return { status, headers, body, url: at };
      discard({ body });
      at = redirectTarget(at, location, trustedOrigin, this.#allow);
    }
    const message = `${url.origin} redirects more than ${maxRedirects} times: not followed`;
    throw new HearthError('PULL_REFUSED', message, { origin: url.origin });
  }

  async close(): Promise<void> {
    await Promise.all([this.#trusting.destroy(), this.#guarded.destroy()]);
  }

  #request(
    url: URL,
    trustedOrigin: string,
    { headers, signal }: GetOptions,
  ): Promise<Dispatcher.ResponseData> {
    return request(url, {
      dispatcher: url.origin === trustedOrigin ? this.#trusting : this.#guarded,
      headersTimeout: this.#stallMs,
      bodyTimeout: this.#stallMs,
      signal: signal ?? null,
      headers: {
        'user-agent': `hearth/${packageVersion()}`,
        'accept-encoding': 'identity',
        ...(url.origin === this.#credentials?.origin && {
          authorization: `Bearer ${this.#credentials.token}`,
        }),
        ...headers,
      },
    });
  }
}

/** What is left of an answer is not wanted, however slowly it comes; that its connection ends there is no error. */
export function discard({ body }: Pick<Answer, 'body'>): void {
  body.on('error', () => {}).destroy();
}
