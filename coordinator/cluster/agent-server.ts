import type { IncomingMessage, Server } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../../device-agent/clock.ts';
import { agentPath } from '../../device-agent/keep-joined.ts';
import type { Link } from '../../device-agent/link.ts';
import { type Logger, silentLogger } from '../../device-agent/logger.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { packageVersion } from '../../device-agent/node/package-root.ts';
import { websocketLink } from '../../device-agent/node/websocket-link.ts';
import { HearthError } from '../../runtime/error.ts';
import { defaultFrameLimits, largestFrameBytes } from '../../runtime/protocol/frame.ts';
import type { LivenessOptions } from '../../runtime/protocol/liveness.ts';
import { sealedOverhead } from '../../runtime/secure/sealed-frames.ts';
import { HostGuard } from '../host-guard.ts';
import { httpMessage } from '../http/raw-answer.ts';
import type { Pairing } from '../pairing/pairing.ts';
import { admit } from './admit.ts';
import { greet, notPaired, type Purpose } from './greet.ts';
import type { Member } from './member.ts';
import { Sessions } from './sessions.ts';

export interface AgentServerOptions {
  readonly pairing: Pairing;
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
  /** Connections that have not proved yet who they are: in all, and from one address. */
  readonly maxHandshakes?: number;
  readonly maxHandshakesOfOne?: number;
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
  readonly #sessions = new Sessions();
  /** The addresses of those who have not proved yet who they are, each as often as it is there. */
  readonly #strangers: string[] = [];

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const name = hostname().toLowerCase();
    this.#guard = new HostGuard(options.hostNames ?? [name, `${name}.local`]);
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: largestFrameBytes(defaultFrameLimits) + sealedOverhead,
    });
  }

  /** Answers the server's upgrade requests; those for other paths are left to others, if there are any. */
  attach(server: Server): void {
    server.on('upgrade', this.#onUpgrade);
    this.#attached.push(server);
  }

  /**
   * Forgets the devices of a name and closes their links: those that were paired under it, and those that come under it now,
   * since names change, and a browser's second rank is `NAME (2)`.
   * @returns how many they were
   */
  revoke(name: string): number {
    const revoked = this.#options.pairing.revoke(name, this.#sessions.keysOf(name));
    this.#sessions.drop(revoked.map(({ publicKey }) => publicKey));
    return revoked.length;
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
      if (!others) refuse(socket, new HearthError('ROUTE_NOT_FOUND', 'there is no WebSocket here'));
      return;
    }
    const { host, origin } = request.headers;
    const address = request.socket.remoteAddress ?? '';
    try {
      this.#guard.check(host, origin);
      if (this.#isFull(address)) throw new HearthError('SERVER_BUSY', 'too many devices are knocking');
    } catch (error) {
      this.#logger.warn({ host, origin, error }, 'a knock was refused');
      refuse(socket, error);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (websocket) => {
      void this.#admit(websocket, socket, address);
    });
  };

  /** One who only opens sockets keeps nobody out who comes from elsewhere. */
  #isFull(address: string): boolean {
    const { maxConnections = 128, maxHandshakes = 32, maxHandshakesOfOne = 8 } = this.#options;
    const ofThisOne = this.#strangers.filter((stranger) => stranger === address).length;
    return (
      this.#sockets.clients.size >= maxConnections ||
      this.#strangers.length >= maxHandshakes ||
      ofThisOne >= maxHandshakesOfOne
    );
  }

  async #admit(websocket: WebSocket, socket: Duplex, address: string): Promise<void> {
    const { pairing, onMember, softwareVersion = packageVersion(), handshakeTimeoutMs } = this.#options;
    const { clock = systemClock } = this.#options;
    const stopCounting = limitBytes(socket, maxHandshakeBytes);
    this.#strangers.push(address);
    try {
      const options = {
        guests: pairing,
        tileKeyOf: (session: Uint8Array) => this.#sessions.tileKeyOf(session),
        cryptography: nodeCryptography,
        softwareVersion,
        clock,
        ...(handshakeTimeoutMs && { handshakeTimeoutMs }),
      };
      const member = await greet<Member | undefined>(websocketLink(websocket), options, (sealed, purpose) => {
        if (purpose.type === 'join') return this.#takeIn(sealed, purpose);
        this.#sessions.attach(purpose.session, sealed);
        return undefined;
      });
      if (member) onMember(member);
    } catch (error) {
      const { code, message } =
        error instanceof HearthError ? error : { code: 'INTERNAL', message: String(error) };
      this.#logger.warn({ code, reason: message }, 'a device could not join');
    } finally {
      this.#strangers.splice(this.#strangers.indexOf(address), 1);
      stopCounting();
    }
  }

  async #takeIn(link: Link, { device, isNew }: Extract<Purpose, { type: 'join' }>): Promise<Member> {
    const { pairing, liveness, handshakeTimeoutMs, tileLinkWaitMs = 5_000 } = this.#options;
    const { clock = systemClock } = this.#options;
    let tileKey: Uint8Array = new Uint8Array();
    const member = await admit(link, {
      linkKind: 'websocket',
      // Who has the secret still may pair again without a person: it is the same device.
      proven: { identity: Buffer.from(device).toString('hex'), isNew: isNew && !pairing.knows(device) },
      tileLinkWaitMs,
      clock,
      ...(handshakeTimeoutMs && { handshakeTimeoutMs }),
      ...(liveness && { liveness }),
      onJoin: ({ name }, key) => {
        tileKey = key.tileKey;
        if (isNew) pairing.add({ name, publicKey: device, pairedAt: new Date() });
        // It may have been revoked since the handshake.
        else if (!pairing.knows(device)) throw notPaired();
      },
    });
    this.#sessions.add({ member, device, tileKey });
    return member;
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

function refuse(socket: Duplex, error: unknown): void {
  socket.on('error', () => {});
  socket.end(httpMessage(error));
}
