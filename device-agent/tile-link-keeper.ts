import type { Cryptography } from '../runtime/secure/cryptography.ts';
import { once } from './clock.ts';
import type { Link } from './link.ts';
import type { Logger } from './logger.ts';
import { TileLink, type TileLinkOptions } from './tile-link.ts';

/** How a device opens links for tiles. */
export interface TileLinkOpener {
  readonly open: () => Link;
  readonly cryptography: Cryptography;
}

export interface TileLinkKeeperOptions extends Omit<TileLinkOptions, 'onEnd'>, TileLinkOpener {
  readonly logger: Logger;
}

const minRetryMs = 500;
const maxRetryMs = 15_000;

/** Keeps a link for tiles open: one that breaks is opened again, after a wait that doubles until one works. */
export class TileLinkKeeper {
  readonly #options: TileLinkKeeperOptions;
  #link: TileLink | undefined;
  #retryMs = minRetryMs;
  #stopWaiting = (): void => {};
  #closed = false;

  constructor(options: TileLinkKeeperOptions) {
    this.#options = options;
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting();
    this.#link?.close();
  }

  #open(): void {
    this.#link = new TileLink(this.#options.open(), {
      ...this.#options,
      onEnd: (worked, reason) => this.#ended(worked, reason),
    });
  }

  #ended(worked: boolean, reason: string): void {
    if (this.#closed) return;
    if (worked) this.#retryMs = minRetryMs;
    const { logger, clock } = this.#options;
    logger.info({ reason, retryInMs: this.#retryMs }, 'the link for tiles broke');
    this.#stopWaiting = once(clock, this.#retryMs, () => this.#open());
    this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs);
  }
}
