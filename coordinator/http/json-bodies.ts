import { HearthError } from '../../runtime/error.ts';

export interface JsonBodyLimits {
  /** Of one body, unless a route says otherwise. */
  readonly maxBytes: number;
  /** Of all that are being read at the same time. */
  readonly maxBytesAtOnce: number;
}

const defaultLimits: JsonBodyLimits = { maxBytes: 8 << 20, maxBytesAtOnce: 128 << 20 };

/** Reads requests' bodies, no larger than they may be, and no more of them at a time than memory is meant for. */
export class JsonBodies {
  readonly #limits: JsonBodyLimits;
  #bytesHere = 0;

  constructor(limits: Partial<JsonBodyLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /**
   * The JSON object in a request's body.
   * @throws HearthError REQUEST_TOO_LARGE before more than `maxBytes` are read; SERVER_BUSY; REQUEST_CANCELLED;
   *   REQUEST_INVALID
   */
  async read(request: Request, maxBytes = this.#limits.maxBytes): Promise<Record<string, unknown>> {
    const value = parseJson(decodeUtf8(await this.#bytesOf(request, maxBytes)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    throw new HearthError('REQUEST_INVALID', 'the body must be a JSON object');
  }

  async #bytesOf(request: Request, maxBytes: number): Promise<Uint8Array> {
    const announced = Number(request.headers.get('content-length') ?? 0);
    if (announced > maxBytes) throw tooLarge(maxBytes);
    const parts: Uint8Array[] = [];
    let byteLength = 0;
    try {
      for await (const part of chunksOf(request)) {
        byteLength += part.length;
        this.#bytesHere += part.length;
        if (byteLength > maxBytes) throw tooLarge(maxBytes);
        if (this.#bytesHere > this.#limits.maxBytesAtOnce)
          throw new HearthError('SERVER_BUSY', 'too much is being sent at once; try again a little later');
        parts.push(part);
      }
      return Buffer.concat(parts, byteLength);
    } finally {
      this.#bytesHere -= byteLength;
    }
  }
}

/** What comes of a body, until the client sends no more of it. */
async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  try {
    yield* request.body ?? [];
  } catch (cause) {
    throw new HearthError('REQUEST_CANCELLED', 'the client went away before its body was here', {}, cause);
  }
}

function tooLarge(maxBytes: number): HearthError {
  return new HearthError('REQUEST_TOO_LARGE', `the body may have ${maxBytes} bytes`, { maxBytes });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HearthError('REQUEST_INVALID', 'the body is not UTF-8', {}, cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HearthError('REQUEST_INVALID', `the body is not JSON: ${reason}`, {}, cause);
  }
}
