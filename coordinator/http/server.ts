import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { HearthError } from '../../runtime/error.ts';
import { hostnameOf, isLoopback } from '../host-guard.ts';
import { type AppOptions, createApp } from './app.ts';

export interface HttpServerOptions extends AppOptions {
  /** Address to listen on; a loopback one unless there is an `apiKey`. */
  readonly hostname?: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface HttpServer {
  /** Where it can be reached from this machine, without a path. */
  readonly url: string;
  readonly port: number;
  /** For WebSocket upgrades, whose Host and Origin their own handler has to check with a `HostGuard`. */
  readonly server: Server;
  /** Stops listening and cuts the connections that are left. */
  close(): Promise<void>;
}

/**
 * Serves the API on a port.
 * @throws HearthError USAGE if other machines could reach it without a key; LISTEN_FAILED
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { hostname = '127.0.0.1', port, apiKey } = options;
  if (apiKey === undefined && !isLoopback(hostnameOf(hostname) ?? '')) {
    const message = `refusing to listen on ${hostname} without an API key: anybody on the network could use it`;
    throw new HearthError('USAGE', message, { hostname });
  }
  const listener = getRequestListener(createApp(options).fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => void listener(request, response));
  await listen(server, hostname, port);
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    port: bound.port,
    server,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
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
