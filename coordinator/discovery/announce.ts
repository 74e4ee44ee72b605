import { setTimeout as sleep } from 'node:timers/promises';
import multicastDns, { type Options } from 'multicast-dns';
import type { Logger } from '../../device-agent/logger.ts';
import { asksFor, type CoordinatorService, recordsOf } from './service.ts';

export interface AnnouncementOptions {
  readonly service: CoordinatorService;
  /** IPv4, as they are now. */
  readonly addresses: () => readonly string[];
  readonly logger: Logger;
  /** Of the socket; for tests. */
  readonly network?: Options;
}

/** Where nothing can be sent, nobody waits for it. */
const farewellMs = 500;

/** However many ask, an answer to all goes out no more often. */
const restMs = 250;

/** Tells the network that there is a coordinator, and answers who asks, until closed. */
export class Announcement {
  readonly #options: AnnouncementOptions;
  readonly #mdns: ReturnType<typeof multicastDns>;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
    this.#mdns = multicastDns(options.network);
    const onError = (error: Error): void =>
      options.logger.warn({ error }, 'the network is not told of this coordinator');
    this.#mdns.on('error', onError);
    this.#mdns.on('query', (query) => {
      if (asksFor(query, this.#records())) this.#say();
    });
    this.#mdns.on('ready', () => this.#say());
  }

  /** Takes back what was told. */
  async close(): Promise<void> {
    const said = new Promise((resolve) => this.#mdns.respond(this.#records(0), resolve));
    await Promise.race([said, sleep(farewellMs, undefined, { ref: false })]);
    await new Promise<void>((resolve) => this.#mdns.destroy(resolve));
  }

  #say(): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs < restMs) return;
    this.#saidAtMs = nowMs;
    this.#mdns.respond(this.#records());
  }

  #records(ttl?: number) {
    return recordsOf(this.#options.service, this.#options.addresses(), ttl);
  }
}
