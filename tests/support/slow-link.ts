import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const host = '127.0.0.1';
/** What is handed on at once. */
const pieceBytes = 16384;

/**
 * A network between agents and a coordinator: hands on what they send, to agents no faster than its rate, and counts
 * what agents are given. A connection that finds no coordinator waits for one.
 */
export class SlowLink {
  /** Where the coordinator listens. */
  targetPort = 0;
  /** To all agents together. */
  bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Bytes that agents were given. */
  deliveredBytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #closed = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (agent: Socket) => void this.#connect(agent));
  }

  static async open(): Promise<SlowLink> {
    const server = createServer();
    const link = new SlowLink(server);
    server.listen(0, host);
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Waits until agents were given so many bytes in all, or until the signal is aborted. */
  async delivered(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.deliveredBytes < bytes && !signal.aborted)
      await sleep(2, undefined, { signal }).catch(() => {});
  }

  /** Ends all connections, and what is on its way is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #connect(agent: Socket): Promise<void> {
    this.#hold(agent);
    const coordinator = await this.#coordinator(agent);
    if (!coordinator) return;
    this.#hold(coordinator);
    agent.pipe(coordinator);
    agent.on('close', () => coordinator.destroy());
    coordinator.on('close', () => agent.destroy());
    // A connection that breaks ends here too.
    this.#deliver(coordinator, agent).catch(() => {});
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

  async #deliver(coordinator: Socket, agent: Socket): Promise<void> {
    let freeMs = 0;
    for await (const chunk of coordinator.iterator({ destroyOnReturn: true })) {
      for (const piece of piecesOf(chunk as Buffer)) {
        freeMs = Math.max(freeMs, performance.now()) + (1000 * piece.length) / this.bytesPerSecond;
        const waitMs = freeMs - performance.now();
        // A timer is no finer.
        if (waitMs > 2) await sleep(waitMs);
        if (agent.destroyed) return;
        this.deliveredBytes += piece.length;
        agent.write(piece);
      }
    }
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
