import type { IncomingMessage, Server } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../../device-agent/clock.ts';
import { type Logger, silentLogger } from '../../device-agent/logger.ts';
import { newNonce } from '../../device-agent/node/device.ts';
import { agentPath } from '../../device-agent/node/join.ts';
import { packageVersion } from '../../device-agent/node/package-root.ts';
import { websocketLink } from '../../device-agent/node/websocket-link.ts';
import { HearthError } from '../../runtime/error.ts';
import { defaultFrameLimits, largestFrameBytes } from '../../runtime/protocol/frame.ts';
import type { LivenessOptions } from '../../runtime/protocol/liveness.ts';
import { HostGuard } from '../host-guard.ts';
import { admitOrAttach } from './admit.ts';
import type { Member } from './member.ts';

export interface AgentServerOptions {
  readonly secret: string;
  /** A device has joined: usually `cluster.add`. */
  readonly onMember: (member: Member) => void;
  /** Names by which this machine may be called, beside addresses and `localhost`; by default its own. */
  readonly hostNames?: readonly string[];
  readonly softwareVersion?: string;
  readonly handshakeTimeoutMs?: number;
  readonly liveness?: LivenessOptions;
  readonly tileLinkWaitMs?: number;
  /** Open connections, joined or not; a device has two. */
  readonly maxConnections?: number;
  /** Connections that have not proved yet that they know the secret. */
  readonly maxHandshakes?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** More than a handshake takes; a stranger may send no more. */
const maxHandshakeBytes = 64 << 10;

/** The door for devices: WebSockets on `/ws/agent` of an HTTP server that is somebody else's. */
export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #guard: HostGuard;
  readonly #logger: Logger;
  readonly #sockets: WebSocketServer;
  readonly #attached: Server[] = [];
  readonly #members = new Set<Member>();
  #handshakes = 0;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const name = hostname().toLowerCase();
    this.#guard = new HostGuard(options.hostNames ?? [name, `${name}.local`]);
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: largestFrameBytes(defaultFrameLimits),
    });
  }

  /** Answers the server's upgrade requests; those for other paths are left to others, if there are any. */
  attach(server: Server): void {
    server.on('upgrade', this.#onUpgrade);
    this.#attached.push(server);
  }

  /** Stops answering and closes the connections; the HTTP server stays. */
  close(): void {
    for (const server of this.#attached) server.off('upgrade', this.#onUpgrade);
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = request.url?.split('?')[0];
    if (path !== agentPath) {
      const others = this.#attached.some((server) => server.listenerCount('upgrade') > 1);
      if (!others) refuse(socket, 404, 'Not Found');
      return;
    }
    const { host, origin } = request.headers;
    if (!this.#allows(host, origin)) {
      this.#logger.warn({ host, origin }, 'a knock was refused');
      refuse(socket, 403, 'Forbidden');
    } else if (this.#full) {
      refuse(socket, 503, 'Service Unavailable');
    } else {
      this.#sockets.handleUpgrade(request, socket, head, (websocket) => void this.#admit(websocket, socket));
    }
  };

  #allows(host: string | undefined, origin: string | undefined): boolean {
    try {
      this.#guard.check(host, origin);
      return true;
    } catch {
      return false;
    }
  }

  get #full(): boolean {
    const { maxConnections = 128, maxHandshakes = 8 } = this.#options;
    return this.#sockets.clients.size >= maxConnections || this.#handshakes >= maxHandshakes;
  }

  async #admit(websocket: WebSocket, socket: Duplex): Promise<void> {
    const {
      secret,
      onMember,
      softwareVersion = packageVersion(),
      handshakeTimeoutMs = 10_000,
    } = this.#options;
    const { clock = systemClock, tileLinkWaitMs = 5_000 } = this.#options;
    const nonce = newNonce();
    const liveness = this.#options.liveness;
    const stopCounting = limitBytes(socket, maxHandshakeBytes);
    this.#handshakes += 1;
    try {
      const options = {
        secret,
        softwareVersion,
        nonce,
        handshakeTimeoutMs,
        linkKind: 'websocket',
        tileLinkWaitMs,
        clock,
        ...(liveness && { liveness }),
      } as const;
      const member = await admitOrAttach(websocketLink(websocket), options, this.#members);
      if (!member) return;
      for (const other of this.#members) if (!other.isHere) this.#members.delete(other);
      this.#members.add(member);
      onMember(member);
    } catch (error) {
      const { code, message } =
        error instanceof HearthError ? error : { code: 'INTERNAL', message: String(error) };
      this.#logger.warn({ code, reason: message }, 'a device could not join');
    } finally {
      this.#handshakes -= 1;
      stopCounting();
    }
  }
}

/** `ws` would buffer a message as long as the longest tile from anybody: so a stranger's bytes are counted. */
function limitBytes(socket: Duplex, maxBytes: number): () => void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > maxBytes) socket.destroy();
  };
  socket.on('data', count);
  return () => socket.off('data', count);
}

function refuse(socket: Duplex, status: number, text: string): void {
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
