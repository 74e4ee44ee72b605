import type { Logger } from '../../device-agent/logger.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import type { Arrangement } from './arrangement.ts';
import { type FormationRank, formationRank } from './formation-rank.ts';
import type { Member } from './member.ts';
import { type Plan, tileSetup } from './plan.ts';
import { Declined, type DeliveryOptions, type ModelSource, TileDelivery } from './tile-delivery.ts';

export interface PreparationOptions extends Omit<DeliveryOptions, 'onLoaded' | 'onGivenUp'> {
  readonly model: ModelSource;
  readonly logger: Logger;
  /** There is nothing more to wait for: all have their tiles, or can only get them when they become ranks. */
  readonly onOver: () => void;
}

/**
 * The next formation's members get their tiles onto their disks while the present formation goes on. Whatever goes
 * wrong with that only means that there is more to do when they form.
 */
export class Preparation {
  readonly arrangement: Arrangement;
  readonly ranks: readonly FormationRank[];
  readonly #deliveries: readonly TileDelivery[];
  #isOver = false;

  constructor(plan: Plan, options: PreparationOptions) {
    const { model, hashes, logger, onOver } = options;
    this.arrangement = plan.arrangement;
    this.ranks = plan.members.map((member, rank) => formationRank(member, plan.assignments[rank]!, model));
    this.#deliveries = this.ranks.map((rank, i) => {
      const prepare = { type: 'prepare', ...tileSetup(plan, i, model, hashes) } as const;
      const onLoaded = (): void => {
        rank.loadedTiles += 1;
      };
      // What a device loses of it, it gets when it becomes a rank.
      const onGivenUp = (): void => {};
      return new TileDelivery(rank.member, prepare, model, { ...options, onLoaded, onGivenUp });
    });
    Promise.all(this.#deliveries.map(({ done }) => done.catch(ignoreDeclined)))
      .catch((error: unknown) => logger.error({ error }, 'the devices could not be prepared'))
      .then(() => {
        this.cancel();
        onOver();
      });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  hear(member: Member, message: ControlMessage): void {
    this.#deliveryOf(member)?.receive(message);
  }

  resendTiles(member: Member): void {
    this.#deliveryOf(member)?.resend();
  }

  /** Sends nothing more; `onOver` is not called any more. */
  cancel(): void {
    this.#isOver = true;
    for (const delivery of this.#deliveries) delivery.cancel();
  }

  #deliveryOf(member: Member): TileDelivery | undefined {
    return this.#deliveries[this.ranks.findIndex((rank) => rank.member === member)];
  }
}

/** It gets its tiles when it becomes a rank. */
function ignoreDeclined(error: unknown): void {
  if (!(error instanceof Declined)) throw error;
}
