import type { Clock } from '../../device-agent/clock.ts';
import type { Logger } from '../../device-agent/logger.ts';
import type { Member } from './member.ts';
import { forgetMs, Unrest } from './unrest.ts';

export interface HoldOffsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether nobody computes: whoever is held off is then wanted all the same. */
  readonly isStuck: () => boolean;
}

interface Watched {
  readonly unrest: Unrest;
  member: Member;
  isHere: boolean;
  /** Until then it is held off. */
  untilMs: number | undefined;
}

const tickMs = 1_000;
/** Looks in a row at which nobody computed: one may fall between two plans. */
const stuckLooks = 2;

/**
 * Holds off devices that come and go, or slow down again and again: each time they are planned in all others wait for new
 * tiles, and each time they leave answers stand still.
 */
export class HoldOffs {
  readonly #options: HoldOffsOptions;
  readonly #devices = new Map<string, Watched>();
  readonly #stop: () => void;
  #stuckLooks = 0;

  constructor(options: HoldOffsOptions) {
    this.#options = options;
    this.#stop = options.clock.every(tickMs, () => this.#look());
  }

  /** @param member that has just come in */
  watch(member: Member): void {
    const { identity, link } = member.info;
    if (link === 'local') return;
    const nowMs = this.#options.clock.nowMs();
    const known = this.#devices.get(identity);
    if (!known) {
      this.#devices.set(identity, { unrest: new Unrest(), member, isHere: true, untilMs: undefined });
      return;
    }
    if (known.isHere) known.unrest.note(nowMs);
    known.member = member;
    known.isHere = true;
    this.#holdOff(known, nowMs);
  }

  /** A device has become slower than it was. */
  slowed({ info: { identity } }: Member): void {
    const known = this.#devices.get(identity);
    if (!known) return;
    const nowMs = this.#options.clock.nowMs();
    known.unrest.note(nowMs);
    this.#holdOff(known, nowMs);
  }

  close(): void {
    this.#stop();
  }

  #holdOff(known: Watched, nowMs: number): void {
    const { unrest, member } = known;
    const holdMs = unrest.holdMs(nowMs);
    if (holdMs === 0) return;
    known.untilMs = nowMs + holdMs;
    const reason = `it left or slowed down ${unrest.count(nowMs)} times within ${forgetMs / 60_000} minutes, and is held off for ${holdMs / 1000} s`;
    this.#options.logger.warn({ device: member.info.name, reason }, 'a device is held off');
    member.standBys.set('holdOff', reason);
  }

  #look(): void {
    const nowMs = this.#options.clock.nowMs();
    this.#stuckLooks = this.#options.isStuck() ? this.#stuckLooks + 1 : 0;
    for (const [identity, known] of this.#devices) {
      if (known.isHere && !known.member.isHere) {
        known.isHere = false;
        known.unrest.note(nowMs);
      }
      const isOver = known.untilMs !== undefined && nowMs >= known.untilMs;
      if (isOver || this.#stuckLooks >= stuckLooks) {
        known.untilMs = undefined;
        known.member.standBys.set('holdOff', '');
      }
      if (!known.isHere && known.unrest.count(nowMs) === 0) this.#devices.delete(identity);
    }
  }
}
