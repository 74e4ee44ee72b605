import { type NetworkSettings, slowestOneWayMs, transferMs } from './network.ts';
import type { LinkProfile } from './profiles.ts';

/** The coordinator's own connection, as one stage's exchanges see it: when each direction is free, and its adding. */
export class HubLane {
  inFreeMs = 0;
  outFreeMs = 0;
  addFreeMs = 0;
}

/** A device's link: messages of a direction go one after the other, and do not stop at the coordinator to be whole. */
export class LinkLane {
  /** One way. */
  readonly delayMs: number;
  readonly #link: LinkProfile | undefined;
  readonly #hubBytesPerSecond: number;
  #upFreeMs = 0;
  #downFreeMs = 0;

  /**
   * @param link none for a rank in the coordinator's process: nothing travels
   * @param messages so many go at a time, and the slowest of them is waited for
   */
  constructor(link: LinkProfile | undefined, { hubBytesPerSecond }: NetworkSettings, messages: number) {
    this.delayMs = link ? slowestOneWayMs(link, messages) : 0;
    this.#link = link;
    this.#hubBytesPerSecond = hubBytesPerSecond;
  }

  /** @returns when a message that is ready at `readyMs` has come to the hub */
  up(readyMs: number, bytes: number, hub: HubLane): number {
    if (!this.#link) return readyMs;
    const { delayMs } = this;
    const startMs = Math.max(readyMs, this.#upFreeMs);
    this.#upFreeMs = startMs + transferMs(bytes, this.#link.upBytesPerSecond);
    hub.inFreeMs = Math.max(hub.inFreeMs, startMs + delayMs) + transferMs(bytes, this.#hubBytesPerSecond);
    return Math.max(this.#upFreeMs + delayMs, hub.inFreeMs);
  }

  /** @returns when a message that the hub has at `readyMs` has come to the device */
  down(readyMs: number, bytes: number, hub: HubLane): number {
    if (!this.#link) return readyMs;
    const startMs = Math.max(readyMs, hub.outFreeMs);
    hub.outFreeMs = startMs + transferMs(bytes, this.#hubBytesPerSecond);
    this.#downFreeMs = Math.max(startMs, this.#downFreeMs) + transferMs(bytes, this.#link.downBytesPerSecond);
    return Math.max(this.#downFreeMs, hub.outFreeMs) + this.delayMs;
  }
}
