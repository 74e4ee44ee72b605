import type { Clock } from '../../device-agent/clock.ts';
import type { Logger } from '../../device-agent/logger.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import type { Quiet } from '../probe/quiet.ts';
import type { Arrangement } from './arrangement.ts';
import type { Member } from './member.ts';
import type { Preparation } from './preparation.ts';
import type { Seat } from './roster.ts';

export interface SparesOptions {
  readonly clock: Clock;
  readonly quiet: Quiet;
  readonly logger: Logger;
  /** By what answers would go on at first if a device vanished; undefined if that is not known. */
  readonly without: (seat: Seat) => Arrangement | undefined;
}

/** Without a step, before tiles go to who may need them one day. */
const quietMs = 2_000;
const tickMs = 500;

/**
 * While nothing is computed, devices get onto their disks what they would take over if one of them vanished, for each of
 * them in turn: an answer then waits for disks, not for the coordinator's links. That ends at once when a step comes.
 */
export class Spares {
  readonly #options: SparesOptions;
  readonly #settled: () => Arrangement | undefined;
  readonly #prepare: (arrangement: Arrangement, onOver: () => void) => Preparation;
  readonly #stop: () => void;
  #arrangement: Arrangement | undefined;
  /** Those whose loss is not prepared for yet. */
  #left: Seat[] = [];
  #preparation: Preparation | undefined;

  /** @param settled by what all compute, if nothing else is wanted */
  constructor(
    options: SparesOptions,
    settled: () => Arrangement | undefined,
    prepare: (arrangement: Arrangement, onOver: () => void) => Preparation,
  ) {
    this.#options = options;
    this.#settled = settled;
    this.#prepare = prepare;
    const stopTicks = options.clock.every(tickMs, () => this.#look());
    const stopListening = options.quiet.onBreak(() => this.pause());
    this.#stop = () => {
      stopTicks();
      stopListening();
    };
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  hear(member: Member, message: ControlMessage): void {
    this.#preparation?.hear(member, message);
  }

  resendTiles(member: Member): void {
    this.#preparation?.resendTiles(member);
  }

  /** Sends nothing more until it is quiet again. */
  pause(): void {
    this.#preparation?.cancel();
    this.#preparation = undefined;
  }

  close(): void {
    this.#stop();
    this.pause();
  }

  #look(): void {
    const settled = this.#settled();
    if (settled !== this.#arrangement) {
      this.pause();
      this.#arrangement = settled;
      this.#left = settled?.seats.filter(mayVanish) ?? [];
    }
    if (!this.#preparation && this.#options.quiet.lastsMs >= quietMs) this.#prepareNext();
  }

  #prepareNext(): void {
    const [seat] = this.#left;
    if (!seat) return;
    const without = this.#options.without(seat);
    if (without) this.#preparation = this.#prepare(without, () => this.#prepared());
    else this.#prepared();
  }

  #prepared(): void {
    this.#preparation = undefined;
    this.#left.shift();
    if (this.#left.length > 0) this.#prepareNext();
    else this.#options.logger.info({}, 'the devices have what they would take over from each other');
  }
}

/** What is a thread of this process vanishes with the coordinator. */
function mayVanish({ member }: Seat): boolean {
  return member.info.link !== 'local';
}
