import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../support/random.ts';

const { DelayProxy } = await import(new URL('delay-proxy.mjs', import.meta.url).href);

/** Long against what a busy machine is late by, at the best of some tries. */
const link = { delayMs: 25, rateMbit: 40, jitterMs: 0 };
const transferBytes = 1_000_000;
const transferMs = (transferBytes * 8) / (link.rateMbit * 1e3);
const most = 1.1;

let echo: Server;
const sockets = new Set<Socket>();
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  echo = createServer((socket) => {
    sockets.add(socket.setNoDelay());
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  echo.close();
});

async function through(settings: object, options = {}): Promise<Socket> {
  const proxy = await DelayProxy.before((echo.address() as AddressInfo).port, () => settings, options);
  closers.push(() => proxy.close());
  const socket = connect(proxy.port, '127.0.0.1').setNoDelay();
  sockets.add(socket);
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes and waits until as many have come back. @returns those, and the milliseconds from first to last */
async function exchange(socket: Socket, bytes: Uint8Array): Promise<{ echoed: Buffer; ms: number }> {
  const pieces: Buffer[] = [];
  let missing = bytes.length;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      missing -= piece.length;
      if (missing <= 0) resolve();
    });
  });
  const beganMs = performance.now();
  socket.write(bytes);
  await done;
  const ms = performance.now() - beganMs;
  socket.removeAllListeners('data');
  return { echoed: Buffer.concat(pieces), ms };
}

async function fastestMs(socket: Socket, byteLength: number, times: number): Promise<number> {
  const durations: number[] = [];
  for (let i = 0; i < times; i += 1) durations.push((await exchange(socket, new Uint8Array(byteLength))).ms);
  return Math.min(...durations);
}

describe('a delay proxy', () => {
  it('delays each way as asked', async () => {
    const fastest = await fastestMs(await through({ ...link, rateMbit: 0 }), 64, 8);
    expect(fastest).toBeGreaterThanOrEqual(2 * link.delayMs);
    expect(fastest).toBeLessThan(2 * link.delayMs * most);
  });

  it('sends at the rate, both ways at the same time', async () => {
    const fastest = await fastestMs(await through({ ...link, delayMs: 0 }), transferBytes, 3);
    expect(fastest).toBeGreaterThanOrEqual(transferMs);
    // What comes back begins once the first piece is there.
    expect(fastest).toBeLessThan(transferMs * 1.5);
  });

  it('shares one medium between the ways if asked', async () => {
    const fastest = await fastestMs(
      await through({ ...link, delayMs: 0 }, { shared: true }),
      transferBytes,
      3,
    );
    expect(fastest).toBeGreaterThanOrEqual(2 * transferMs);
    expect(fastest).toBeLessThan(2 * transferMs * most);
  });

  it('hands on every byte in order, whatever the jitter', async () => {
    const random = new Random(5);
    const bytes = Uint8Array.from({ length: 300_000 }, () => random.integer(256));
    expect(new Set(bytes).size).toBe(256);
    const { echoed } = await exchange(await through({ delayMs: 2, rateMbit: 200, jitterMs: 2 }), bytes);
    expect(Buffer.compare(echoed, bytes)).toBe(0);
  });

  it('ends a connection when the other side does, after what was sent before', async () => {
    const socket = await through({ ...link, rateMbit: 0 });
    socket.end(new Uint8Array(64));
    let received = 0;
    socket.on('data', (piece: Buffer) => {
      received += piece.length;
    });
    await once(socket, 'close');
    expect(received).toBe(64);
  });
});
