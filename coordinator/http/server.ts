import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { HearthError } from '../../runtime/error.ts';
import { hostnameOf, isLoopback } from '../host-guard.ts';
import { type AppOptions, createApp } from './app.ts';
import { type Certificate, type ConnectionLimits, Connections } from './connections.ts';
import { httpMessage } from './raw-answer.ts';

export interface HttpServerOptions extends AppOptions {
  /** Address to listen on; a loopback one unless there are `keys`, and TLS or leave to do without. */
  readonly hostname?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** For TLS, on the same port. */
  readonly certificate?: Certificate;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits extends ConnectionLimits {
  /** Time for the head of a request, also of one for a WebSocket. */
  readonly headersTimeoutMs: number;
  /** Time for a whole request. */
  readonly requestTimeoutMs: number;
}

const defaultLimits: ServerLimits = {
  maxConnections: 512,
  maxConnectionsOfOne: 64,
  greetingTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  // Half a megabyte a second, for the largest import.
  requestTimeoutMs: 120_000,
};

export interface HttpServer {
  /** Where it can be reached from this machine, without a path. */
  readonly url: string;
  readonly port: number;
  /** For WebSocket upgrades, whose Host and Origin their own handler has to check with a `HostGuard`. */
  readonly server: Server;
  /** New connections get this one. */
  setCertificate(certificate: Certificate): void;
  /** Stops listening and cuts the connections that are left. */
  close(): Promise<void>;
}

/**
 * Serves the API on a port.
 * @throws HearthError USAGE if other machines could reach it without a key, or could only do so in the clear;
 *   LISTEN_FAILED
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { hostname = '127.0.0.1', port, certificate } = options;
  checkReach(hostname, options);
  const limits = { ...defaultLimits, ...options.limits };
  const { headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout } = limits;
  const listener = getRequestListener(createApp(options).fetch, { overrideGlobalObjects: false });
  const connectionsCheckingInterval = Math.min(1000, headersTimeout);
  const server = createServer({ headersTimeout, requestTimeout, connectionsCheckingInterval }, (...pair) => {
    void listener(...pair);
  });
  server.on('clientError', sayWhatIsWrong);
  const connections = new Connections(server, limits);
  if (certificate) connections.setCertificate(certificate);
  await listen(server, hostname, port);
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    port: bound.port,
    server,
    setCertificate: (renewed) => connections.setCertificate(renewed),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      connections.close();
      await closed;
    },
  };
}

/** @throws HearthError USAGE */
function checkReach(hostname: string, { keys, certificate, plainHttp }: HttpServerOptions): void {
  if (isLoopback(hostnameOf(hostname) ?? '')) return;
  if (!keys) {
    const message = `refusing to listen on ${hostname} without an API key: anybody on the network could use it`;
    throw new HearthError('USAGE', message, { hostname });
  }
  if (certificate || plainHttp) return;
  const message = `refusing to listen on ${hostname} without TLS: anybody on the network could read along`;
  throw new HearthError('USAGE', message, { hostname });
}

async function listen(server: Server, hostname: string, port: number): Promise<void> {
  server.listen({ host: hostname, port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const message = `cannot listen on ${hostname}, port ${port} (${reason}); choose another port`;
    throw new HearthError('LISTEN_FAILED', message, { hostname, port, reason }, cause);
  }
}

/** What is no HTTP, or not enough of it in time, never becomes a request. */
function sayWhatIsWrong(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else socket.end(httpMessage(errorOfClient(error.code)), () => socket.destroy());
}

function errorOfClient(code: string | undefined): HearthError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HearthError('REQUEST_TIMEOUT', 'the request was not here in time');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HearthError('HEADERS_TOO_LARGE', 'the head of a request may have 16 KiB');
  return new HearthError('REQUEST_INVALID', 'this is not HTTP');
}
