import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { networkOf } from '../ip-address.ts';
import { peerOfSocket } from './peer.ts';

/** Key and chain of a TLS server, in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface ConnectionLimits {
  /** Open at the same time: in all, and from one address of another machine. */
  readonly maxConnections: number;
  readonly maxConnectionsOfOne: number;
  /** Within this time a connection must have said what it speaks, and with TLS have agreed on keys. */
  readonly greetingTimeoutMs: number;
}

/** The first byte of TLS: a record of its handshake. HTTP begins with a letter. */
const tlsHandshake = 0x16;

/**
 * What comes in by the port of an HTTP server. The first byte of a connection tells whether it speaks TLS, so both are
 * served on one port. Bounds how many connections there are, and how long each may take to begin.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #speakHttp: (socket: Socket) => void;
  readonly #networks = new Map<Socket, string>();
  #context: SecureContext | undefined;

  constructor(http: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    const [speakHttp] = http.listeners('connection');
    this.#speakHttp = (socket) => speakHttp!.call(http, socket);
    http.removeAllListeners('connection');
    http.on('connection', this.#onConnection);
  }

  /** From now on TLS is spoken, with this; those that are open keep the one that they began with. */
  setCertificate(certificate: Certificate): void {
    this.#context = createSecureContext(certificate);
  }

  close(): void {
    for (const socket of this.#networks.keys()) socket.destroy();
  }

  readonly #onConnection = (socket: Socket): void => {
    // Nobody needs to know of a connection that breaks before it has said anything.
    socket.on('error', () => socket.destroy());
    const { address, isLocal } = peerOfSocket(socket);
    if (this.#isFull(networkOf(address), isLocal)) {
      socket.destroy();
      return;
    }
    this.#networks.set(socket, networkOf(address));
    const timer = setTimeout(() => socket.destroy(), this.#limits.greetingTimeoutMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#networks.delete(socket);
    });
    socket.once('readable', () => this.#begin(socket, () => clearTimeout(timer)));
  };

  #isFull(network: string, isLocal: boolean): boolean {
    if (this.#networks.size >= this.#limits.maxConnections) return true;
    const ofThisOne = [...this.#networks.values()].filter((other) => other === network).length;
    return !isLocal && ofThisOne >= this.#limits.maxConnectionsOfOne;
  }

  #begin(socket: Socket, onBegun: () => void): void {
    const first: Buffer | null = socket.read(1);
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    if (first[0] !== tlsHandshake || !this.#context) {
      onBegun();
      this.#speakHttp(socket);
      return;
    }
    const secureContext = this.#context;
    const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
    secure.on('error', () => socket.destroy());
    secure.once('secure', () => {
      secure.disableRenegotiation();
      onBegun();
      this.#speakHttp(secure);
    });
  }
}
