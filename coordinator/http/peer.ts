import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Context } from 'hono';
import { isLoopback } from '../host-guard.ts';

/** The other end of the connection that a request came by. */
export interface Peer {
  readonly address: string;
  /** It never left this machine. */
  readonly isLocal: boolean;
  readonly isEncrypted: boolean;
  /** Of this server. */
  readonly port: number;
}

const here: Peer = { address: '127.0.0.1', isLocal: true, isEncrypted: false, port: 0 };

/** Where there is no connection, as in a test of the app alone, it is this machine. */
export function peerOf({ env }: Context): Peer {
  const incoming = (env as { incoming?: IncomingMessage } | undefined)?.incoming;
  return incoming ? peerOfSocket(incoming.socket) : here;
}

export function peerOfSocket(socket: Socket | TLSSocket): Peer {
  // An IPv6 socket writes an IPv4 address so.
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return {
    address,
    isLocal: isLoopback(address) || address === '::1',
    isEncrypted: 'encrypted' in socket,
    port: socket.localPort ?? 0,
  };
}
