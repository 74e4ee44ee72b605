import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const host = '127.0.0.1';
/** What is handed on at once. */
const pieceBytes = 8192;

/** One way through the network, shared by all connections. */
class Way {
  bytesPerSecond = Number.POSITIVE_INFINITY;
  delayMs = 0;
  /** Whether nothing gets through, and nobody is told. */
  isBlocked = false;
  #freeMs = 0;

  /** Reads no faster than it hands on, so that the sender feels it. @param handedOn told of each piece */
  async carry(from: Socket, to: Socket, handedOn: (piece: Buffer) => void): Promise<void> {
    for await (const chunk of from.iterator({ destroyOnReturn: true })) {
      for (const piece of piecesOf(chunk as Buffer)) {
        await this.#passed(piece.length);
        while (this.isBlocked && !to.destroyed) await sleep(5);
        if (to.destroyed) return;
        handedOn(piece);
        if (this.delayMs > 0) setTimeout(() => to.write(piece), this.delayMs);
        else to.write(piece);
      }
    }
  }

  /** Waits until the network has passed so many bytes on. */
  async #passed(bytes: number): Promise<void> {
    this.#freeMs = Math.max(this.#freeMs, performance.now()) + (1000 * bytes) / this.bytesPerSecond;
    const waitMs = this.#freeMs - performance.now();
    // A timer is no finer.
    if (waitMs > 2) await sleep(waitMs);
  }
}

/** What an agent was given over one connection. */
export interface Delivery {
  bytes: number;
  /** Whether the agent attached it to its session, as it does with links for tiles. */
  isForTiles: boolean;
}

/**
 * A network between agents and a coordinator: hands on what they send, no faster than its rates, later by its delays,
 * and counts what agents are given. A connection that finds no coordinator waits for one.
 */
export class SlowLink {
  /** Where the coordinator listens. */
  targetPort = 0;
  readonly toAgents = new Way();
  readonly toCoordinator = new Way();
  /** One for each connection, in the order in which they were opened. */
  readonly deliveries: Delivery[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #closed = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (agent: Socket) => void this.#connect(agent));
  }

  static async open(targetPort = 0): Promise<SlowLink> {
    const server = createServer();
    const link = new SlowLink(server);
    link.targetPort = targetPort;
    server.listen(0, host);
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What agents were given over links for tiles. */
  get deliveredBytes(): number {
    return this.deliveries.reduce((sum, { bytes, isForTiles }) => sum + (isForTiles ? bytes : 0), 0);
  }

  /** Waits until that is so much in all, or until the signal is aborted. */
  async delivered(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.deliveredBytes < bytes && !signal.aborted)
      await sleep(2, undefined, { signal }).catch(() => {});
  }

  /** Ends all connections, and what is on its way is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As if the network were gone, or back again: connections that were there then are half open until they are cut. */
  block(isBlocked: boolean): void {
    this.toAgents.isBlocked = isBlocked;
    this.toCoordinator.isBlocked = isBlocked;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #connect(agent: Socket): Promise<void> {
    const delivery: Delivery = { bytes: 0, isForTiles: false };
    this.deliveries.push(delivery);
    this.#hold(agent);
    const coordinator = await this.#coordinator(agent);
    if (!coordinator) return;
    this.#hold(coordinator);
    agent.on('close', () => coordinator.destroy());
    coordinator.on('close', () => agent.destroy());
    // Of all that an agent says, only the message that attaches a link names a session.
    const look = (piece: Buffer): void => {
      if (piece.includes('session')) delivery.isForTiles = true;
    };
    const count = (piece: Buffer): void => {
      delivery.bytes += piece.length;
    };
    // A connection that breaks ends here too.
    this.toCoordinator.carry(agent, coordinator, look).catch(() => {});
    this.toAgents.carry(coordinator, agent, count).catch(() => {});
  }

  async #coordinator(agent: Socket): Promise<Socket | undefined> {
    while (!this.#closed && !agent.destroyed) {
      const socket = connect(this.targetPort, host);
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        await sleep(20);
      }
    }
    return undefined;
  }

  #hold(socket: Socket): void {
    socket.setNoDelay();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
  }
}

function piecesOf(chunk: Buffer): Buffer[] {
  const count = Math.ceil(chunk.length / pieceBytes);
  return Array.from({ length: count }, (_, i) => chunk.subarray(i * pieceBytes, (i + 1) * pieceBytes));
}
