import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is passed on at once. */
const sliceBytes = 8 << 10;

/** One connection through the proxy. */
export interface ProxiedConnection {
  /** Bytes that came from the server. */
  downBytes: number;
}

/** A slow network in front of a server: what the server sends arrives at a limited rate, shared by all connections. */
export class ThrottledProxy {
  readonly connections: ProxiedConnection[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** From the server, of all connections together. */
  bytesPerSecond: number;
  #freeMs = 0;

  private constructor(server: Server, bytesPerSecond: number) {
    this.#server = server;
    this.bytesPerSecond = bytesPerSecond;
  }

  static async before(targetPort: number, bytesPerSecond: number): Promise<ThrottledProxy> {
    const server = createServer();
    const proxy = new ThrottledProxy(server, bytesPerSecond);
    server.on('connection', (client) => proxy.#connect(client, connect(targetPort, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Waits until the network has passed so many bytes on. */
  async #passed(bytes: number): Promise<void> {
    this.#freeMs = Math.max(this.#freeMs, performance.now()) + (1000 * bytes) / this.bytesPerSecond;
    const waitMs = this.#freeMs - performance.now();
    // A timer is no finer.
    if (waitMs > 1) await sleep(waitMs);
  }

  #connect(client: Socket, target: Socket): void {
    const connection = { downBytes: 0 };
    this.connections.push(connection);
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(target);
    void slowly(target, client, async (bytes) => {
      await this.#passed(bytes);
      connection.downBytes += bytes;
    });
  }
}

/** Reads no faster than it may pass on, so that the sender feels it. */
async function slowly(from: Socket, to: Socket, passed: (bytes: number) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let offset = 0; offset < chunk.length; offset += sliceBytes) {
        const slice = chunk.subarray(offset, offset + sliceBytes);
        await passed(slice.length);
        to.write(slice);
      }
    }
  } catch {
    // The connection broke, which both sides hear.
  }
}
