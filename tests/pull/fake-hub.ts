import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** One request for a file's bytes [start, end), or for all of them where it asked for no range. */
export interface FileRequest {
  /** Counted over the server's life, from 1; the first of a pull asks for four bytes. */
  readonly count: number;
  readonly path: string;
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly bytes: Buffer;
}

/** Answers a request in some bad way. @returns false to leave it to the honest one */
export type Misbehave = (request: FileRequest, response: ServerResponse) => boolean;

export interface SeenRequest {
  readonly url: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

export const repo = 'someone/some-model-GGUF';
const commit = 'c0ffee'.padEnd(40, '0');

/** The part of the Hugging Face Hub that pulling uses, on the loopback interface; it can be told to misbehave. */
export class FakeHub {
  /** By their path in the repository. */
  readonly files = new Map<string, Buffer>();
  readonly seen: SeenRequest[] = [];
  /** Bytes of files that were sent. */
  servedBytes = 0;
  etag: string | undefined = '"version-1"';
  /** What the list says, where it is not the file's own; undefined: nothing. */
  sha256: ((bytes: Buffer) => string | undefined) | undefined;
  misbehave: Misbehave = () => false;
  pageSize = 1000;
  /** Where its lists go on; by default here. */
  nextOrigin: string | undefined;
  readonly #server: Server;
  readonly #scheme: string;
  #fileRequests = 0;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
  }

  /**
   * @param address of the loopback network 127.0.0.0/8, to be another origin than others
   * @param tls in PEM, to speak HTTPS
   */
  static async start(address = '127.0.0.1', tls?: { key: string; cert: string }): Promise<FakeHub> {
    const server = tls ? createSecureServer(tls) : createServer();
    const hub = new FakeHub(server, tls ? 'https' : 'http');
    server.on('request', (request, response) => hub.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return hub;
  }

  get url(): URL {
    const { address, port } = this.#server.address() as AddressInfo;
    return new URL(`${this.#scheme}://${address}:${port}`);
  }

  fileUrl(path: string): URL {
    return new URL(`/${repo}/resolve/${commit}/${path}`, this.url);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { host, authorization } = request.headers;
    this.seen.push({ url: request.url!, host, authorization });
    const { pathname, searchParams } = new URL(request.url!, this.url);
    const path = decodeURIComponent(pathname.replace(`/${repo}/resolve/${commit}/`, ''));
    const bytes = this.files.get(path);
    if (pathname === `/api/models/${repo}/revision/main`) sendJson(response, { sha: commit });
    else if (pathname === `/api/models/${repo}/tree/${commit}`)
      this.#sendTree(response, Number(searchParams.get('cursor') ?? 0));
    else if (bytes) this.#sendFile(request, response, path, bytes);
    else response.writeHead(404).end('{"error":"not found"}');
  }

  #sendTree(response: ServerResponse, cursor: number): void {
    const entries = [...this.files].map(([path, bytes]) => {
      const oid = this.sha256 ? this.sha256(bytes) : sha256(bytes);
      return {
        type: 'file',
        oid: '0',
        path,
        size: bytes.length,
        ...(oid && { lfs: { oid, size: bytes.length } }),
      };
    });
    const next = cursor + this.pageSize;
    if (next < entries.length)
      response.setHeader(
        'link',
        `<${this.nextOrigin ?? this.url.origin}/api/models/${repo}/tree/${commit}?cursor=${next}>; rel="next"`,
      );
    sendJson(response, [
      { type: 'directory', oid: '0', path: 'Q4_K_M', size: 0 },
      ...entries.slice(cursor, next),
    ]);
  }

  #sendFile(request: IncomingMessage, response: ServerResponse, path: string, bytes: Buffer): void {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const range = match
      ? { start: Number(match[1]), end: Math.min(Number(match[2]) + 1, bytes.length) }
      : undefined;
    this.#fileRequests += 1;
    if (this.etag) response.setHeader('etag', this.etag);
    if (this.misbehave({ count: this.#fileRequests, path, range, bytes }, response)) return;
    const { start, end } = range ?? { start: 0, end: bytes.length };
    response.writeHead(range ? 206 : 200, {
      'content-length': end - start,
      ...(range && { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
    });
    this.servedBytes += end - start;
    response.end(bytes.subarray(start, end));
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
}
