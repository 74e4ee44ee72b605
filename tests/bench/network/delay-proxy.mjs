import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Below this a timer is too coarse. */
const timerMs = 2;
const napMs = 0.1;
/** On its way in one direction of a connection; more waits at the sender, as with TCP's windows. */
const mostFlyingBytes = 4 << 20;
const goldenRatio = (Math.sqrt(5) - 1) / 2;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Hands on what is due, as exactly as Node can without keeping a processor busy. */
class Clock {
  #waiting = [];
  #armed = false;

  at(dueMs, action) {
    const after = this.#waiting.findLastIndex((other) => other.dueMs <= dueMs);
    this.#waiting.splice(after + 1, 0, { dueMs, action });
    this.#arm();
  }

  #arm() {
    if (this.#armed || this.#waiting.length === 0) return;
    this.#armed = true;
    const waitMs = this.#waiting[0].dueMs - performance.now();
    if (waitMs > timerMs) setTimeout(() => this.#ring(), waitMs - timerMs);
    else setImmediate(() => this.#ring(waitMs));
  }

  #ring(waitMs = 0) {
    // Between naps Node reads what has come.
    if (waitMs > 0) Atomics.wait(sleeper, 0, 0, Math.min(waitMs, napMs));
    this.#armed = false;
    while (this.#waiting.length > 0 && this.#waiting[0].dueMs <= performance.now())
      this.#waiting.shift().action();
    this.#arm();
  }
}

/** Stands before a server on this machine, as if it were at the other end of a link. */
export class DelayProxy {
  #server;
  #sockets = new Set();
  #clock = new Clock();
  #link;
  #shared;
  #turns = 0;
  /** When each medium is free again. */
  #freeMs = { up: 0, down: 0 };
  /** Bytes that were handed on to the server and from it, of all connections. */
  bytes = { up: 0, down: 0 };

  /**
   * @param link is looked at for every piece, so it may change
   * @param shared whether both ways use one medium
   */
  static async before(targetPort, link, { shared = false } = {}) {
    const proxy = new DelayProxy();
    proxy.#link = link;
    proxy.#shared = shared;
    // Each way ends by itself, once all that was sent before has arrived.
    const allowHalfOpen = true;
    proxy.#server = createServer({ allowHalfOpen }, (client) =>
      proxy.#join(client, connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen })),
    );
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client, server) {
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }
    this.#pass(client, server, 'up');
    this.#pass(server, client, 'down');
  }

  /** In [−1, 1), even and the same every time: multiples of the golden ratio. */
  #jitter() {
    this.#turns = (this.#turns + goldenRatio) % 1;
    return 2 * this.#turns - 1;
  }

  #pass(from, to, way) {
    const medium = this.#shared ? 'up' : way;
    let flying = 0;
    let lastMs = 0;
    from.on('data', (piece) => {
      const { delayMs, rateMbit, jitterMs = 0 } = this.#link();
      const nowMs = performance.now();
      const sendMs = rateMbit > 0 ? (piece.length * 8) / (rateMbit * 1e3) : 0;
      const sentMs = Math.max(nowMs, this.#freeMs[medium]) + sendMs;
      this.#freeMs[medium] = sentMs;
      lastMs = Math.max(lastMs, sentMs + delayMs + this.#jitter() * jitterMs);
      flying += piece.length;
      if (flying > mostFlyingBytes) from.pause();
      this.#clock.at(lastMs, () => {
        flying -= piece.length;
        this.bytes[way] += piece.length;
        if (flying <= mostFlyingBytes) from.resume();
        if (!to.destroyed) to.write(piece);
      });
    });
    from.on('end', () => this.#clock.at(lastMs, () => to.end()));
    from.on('close', () => {
      if (!from.readableEnded) this.#clock.at(lastMs, () => to.destroy());
    });
  }
}
