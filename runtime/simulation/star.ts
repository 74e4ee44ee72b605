import { type NetworkSettings, oneWayMs, transferMs } from '../plan/network.ts';
import type { DeviceProfile, LinkProfile } from '../plan/profiles.ts';
import { type Events, Server } from './events.ts';

/** Draws what part of all messages is faster than one: 0.5 for each if nothing varies. */
export type DrawQuantile = () => number;

/** The coordinator in the middle, its connection and its processor, and a link to each device. */
export class SimulatedStar {
  readonly #events: Events;
  readonly #network: NetworkSettings;
  readonly #drawQuantile: DrawQuantile;
  readonly #in: Server;
  readonly #out: Server;
  readonly #processor: Server;
  readonly #links: readonly (SimulatedLink | undefined)[];

  constructor(
    events: Events,
    devices: readonly DeviceProfile[],
    network: NetworkSettings,
    drawQuantile: DrawQuantile,
  ) {
    this.#events = events;
    this.#network = network;
    this.#drawQuantile = drawQuantile;
    this.#in = new Server(events);
    this.#out = new Server(events);
    this.#processor = new Server(events);
    this.#links = devices.map(({ link }) => link && new SimulatedLink(link, events));
  }

  /** A message from a device to the coordinator; nothing travels within the coordinator's process. */
  up(rank: number, bytes: number, arrive: () => void): void {
    const link = this.#links[rank];
    if (!link) {
      arrive();
      return;
    }
    const delayMs = oneWayMs(link.profile, this.#drawQuantile());
    const { startMs, endMs } = link.up.take(transferMs(bytes, link.profile.upBytesPerSecond));
    this.#events.at(startMs + delayMs, () => {
      const inside = this.#in.take(this.#hubMs(bytes));
      this.#events.at(link.inOrder('up', Math.max(inside.endMs, endMs + delayMs)), arrive);
    });
  }

  down(rank: number, bytes: number, arrive: () => void): void {
    const link = this.#links[rank];
    if (!link) {
      arrive();
      return;
    }
    const delayMs = oneWayMs(link.profile, this.#drawQuantile());
    const inside = this.#out.take(this.#hubMs(bytes));
    this.#events.at(inside.startMs, () => {
      const { endMs } = link.down.take(transferMs(bytes, link.profile.downBytesPerSecond));
      this.#events.at(link.inOrder('down', Math.max(endMs, inside.endMs) + delayMs), arrive);
    });
  }

  /** The coordinator adds values of so many bytes to a sum. */
  add(bytes: number, done: () => void): void {
    this.#events.at(this.#processor.take(transferMs(bytes, this.#network.packBytesPerSecond)).endMs, done);
  }

  #hubMs(bytes: number): number {
    return transferMs(bytes, this.#network.hubBytesPerSecond);
  }
}

class SimulatedLink {
  readonly profile: LinkProfile;
  readonly up: Server;
  readonly down: Server;
  readonly #lastMs = { up: 0, down: 0 };

  constructor(profile: LinkProfile, events: Events) {
    this.profile = profile;
    this.up = new Server(events);
    this.down = new Server(events);
  }

  /** A message never overtakes another. */
  inOrder(direction: 'up' | 'down', arrivalMs: number): number {
    this.#lastMs[direction] = Math.max(this.#lastMs[direction], arrivalMs);
    return this.#lastMs[direction];
  }
}
