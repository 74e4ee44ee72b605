import { HearthError } from '../../runtime/error.ts';
import { checkRange, checkWhole, type FileFacts } from './range-answer.ts';
import { type RetryOptions, Transient, withRetries } from './retry.ts';
import { type Answer, discard, type WebClient } from './web-client.ts';

const magic = 'GGUF';

/** Where a file is, and its SHA-256 if that is known. */
export interface RemoteSource {
  readonly url: URL;
  readonly sha256?: string | undefined;
}

/**
 * A model file on a server, of one version: whatever is read of it is of the length and version that it had first. Where
 * its hash is known it is the hash that tells versions apart, since a hub's servers may differ in their ETags.
 */
export class RemoteFile {
  readonly url: URL;
  readonly facts: FileFacts;
  /** Whether the server sends parts of it. */
  readonly hasRanges: boolean;
  readonly #client: WebClient;
  readonly #hasHash: boolean;
  /** Where redirects led to, used until it answers no more: a hub signs such URLs for an hour. */
  #found: URL | undefined;

  private constructor(
    client: WebClient,
    { url, sha256 }: RemoteSource,
    found: URL,
    facts: FileFacts,
    hasRanges: boolean,
  ) {
    this.#client = client;
    this.url = url;
    this.#hasHash = sha256 !== undefined;
    this.#found = found;
    this.facts = facts;
    this.hasRanges = hasRanges;
  }

  /**
   * Asks for the file's first bytes.
   * @throws HearthError GGUF_NOT_GGUF where they are not a model's; PULL_NOT_FOUND, PULL_REFUSED, PULL_FAILED,
   *   REQUEST_CANCELLED
   */
  static open(client: WebClient, source: RemoteSource, retry: RetryOptions = {}): Promise<RemoteFile> {
    const { url } = source;
    return withRetries(
      `${url.origin} cannot be read`,
      async () => {
        const headers = { range: `bytes=0-${magic.length - 1}` };
        const answer = await client.get(url, { headers, signal: retry.signal });
        try {
          const hasRanges = answer.status !== 200;
          const facts = hasRanges ? checkRange(answer, 0, magic.length) : checkWhole(answer);
          if ((await firstBytes(answer)) !== magic) throw notGguf(url);
          return new RemoteFile(client, source, answer.url, facts, hasRanges);
        } finally {
          discard(answer);
        }
      },
      retry,
    );
  }

  /**
   * The bytes [start, end), exactly so many; all of them of a file without ranges.
   * @throws Transient where the server breaks off or lies; HearthError PULL_CHANGED, PULL_REFUSED, PULL_NOT_FOUND,
   *   PULL_FAILED
   */
  async *read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#ask(start, end, signal);
    try {
      this.#checkSame(this.hasRanges ? checkRange(answer, start, end) : checkWhole(answer));
      let received = start;
      for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
        received += piece.length;
        if (received > end)
          throw new Transient(`${answer.url.origin} sends more bytes than it was asked for`);
        yield piece;
      }
      if (received < end) throw new Transient(`${answer.url.origin} stops ${end - received} bytes too early`);
    } finally {
      discard(answer);
    }
  }

  async #ask(start: number, end: number, signal: AbortSignal | undefined): Promise<Answer> {
    const found = this.#found;
    // What goes wrong there is tried again by way of the redirects.
    const forget = () => {
      if (this.#found === found) this.#found = undefined;
    };
    const options = {
      trustedOrigin: this.url.origin,
      signal,
      headers: this.hasRanges ? { range: `bytes=${start}-${end - 1}` } : {},
    };
    const answer = await this.#client.get(found ?? this.url, options).catch((error) => {
      forget();
      throw error;
    });
    if (answer.status < 300) {
      this.#found = answer.url;
      return answer;
    }
    forget();
    if (found && found.href !== this.url.href && [401, 403, 404, 410].includes(answer.status)) {
      discard(answer);
      throw new Transient(`${found.origin} answers ${answer.status}`);
    }
    return answer;
  }

  #checkSame({ bytes, validator }: FileFacts): void {
    if (bytes === this.facts.bytes && (this.#hasHash || validator === this.facts.validator)) return;
    const message = `${this.url.origin} changed the file while it was read; the same command starts anew`;
    throw new HearthError('PULL_CHANGED', message, { url: this.url.origin });
  }
}

async function firstBytes({ body }: Answer): Promise<string> {
  let text = '';
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(piece).toString('latin1');
    if (text.length >= magic.length) break;
  }
  return text.slice(0, magic.length);
}

function notGguf({ origin, pathname }: URL): HearthError {
  const message = `what ${origin} has at ${pathname} is not a GGUF file: it does not start with "GGUF"`;
  return new HearthError('GGUF_NOT_GGUF', message, { origin });
}
