import { HearthError } from '../../runtime/error.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { type Arrangement, isSameArrangement } from './arrangement.ts';
import type { FullClusterOptions } from './cluster-options.ts';
import { Formation } from './formation.ts';
import type { FormationOptions } from './formation-options.ts';
import type { Member } from './member.ts';
import { dealTiles, type Plan } from './plan.ts';
import { Preparation } from './preparation.ts';
import type { Seat } from './roster.ts';
import { Spares, type SparesOptions } from './spares.ts';

export type SuccessionOptions = FullClusterOptions &
  Pick<FormationOptions, 'copies'> &
  Pick<SparesOptions, 'quiet' | 'without'>;

/** The present formation, and the next one's preparation, which the present one need not wait for. */
export class Succession {
  readonly #options: SuccessionOptions;
  readonly #onPrepared: () => void;
  #present: Formation | undefined;
  #next: Preparation | undefined;
  readonly #spares: Spares;
  #plans = 0;

  /** @param onPrepared the present formation should go on no longer */
  constructor(options: SuccessionOptions, onPrepared: () => void) {
    this.#options = options;
    this.#onPrepared = onPrepared;
    this.#spares = new Spares(
      options,
      () => this.#settled,
      (arrangement, onOver) => this.#preparationOf(arrangement, onOver),
    );
  }

  get present(): Formation | undefined {
    return this.#present;
  }

  get next(): Preparation | undefined {
    return this.#next;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  hearControl(member: Member, message: ControlMessage): void {
    this.#next?.hear(member, message);
    this.#spares.hear(member, message);
    this.#present?.hearControl(member, message);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, FRAME_MALFORMED */
  hearTensors(member: Member, frame: Frame): void {
    this.#present?.hearTensors(member, frame);
  }

  /** Tiles that are under way to a member may not arrive. */
  resendTiles(member: Member): void {
    this.#next?.resendTiles(member);
    this.#spares.resendTiles(member);
    this.#present?.resendTiles(member);
  }

  /** A member is gone. */
  lose(member: Member, error: HearthError): void {
    this.#present?.lose(member, error);
  }

  /** Whether the present formation is loaded, and all of it are among those who are to compute. */
  isWhole(seats: readonly Seat[]): boolean {
    if (!this.#present?.ready) return false;
    return this.#present.members.every((member) => seats.some((seat) => seat.member === member));
  }

  /**
   * The formation that is to step now: the present one, if it is whole and the next one, if another is wanted, is not
   * prepared yet; it is from now on.
   */
  current(wanted: Arrangement): Formation | undefined {
    if (!this.#present?.ready) return undefined;
    if (isSameArrangement(this.#present.arrangement, wanted)) {
      this.#endPreparation();
      return this.#present;
    }
    if (!this.#next || !isSameArrangement(this.#next.arrangement, wanted)) this.#prepare(wanted);
    return this.#next!.isOver ? undefined : this.#present;
  }

  /**
   * Puts a new formation in the place of the present one and loads it.
   * @throws Declined; HearthError DEVICE_LOST, or what cutting the model's tiles throws; then there is none
   */
  async form(arrangement: Arrangement): Promise<void> {
    this.dissolve(new HearthError('DEVICE_LOST', 'the devices were given new tiles'));
    const plan = this.#deal(arrangement);
    const formation = new Formation(plan, { ...this.#options, onLoaded: this.#countLoaded(plan) });
    this.#present = formation;
    await formation.load();
  }

  /** Ends the present formation and the next one's preparation. */
  dissolve(error: HearthError): void {
    this.#endPreparation();
    this.#present?.dissolve(error);
    this.#present = undefined;
  }

  close(error: HearthError): void {
    this.dissolve(error);
    this.#spares.close();
  }

  /** By what all compute, if nothing else is wanted. */
  get #settled(): Arrangement | undefined {
    return this.#present?.ready && !this.#next ? this.#present.arrangement : undefined;
  }

  #prepare(arrangement: Arrangement): void {
    this.#endPreparation();
    this.#next = this.#preparationOf(arrangement, this.#onPrepared);
    const names = this.#next.ranks.map(({ member }) => member.info.name);
    this.#options.logger.info({ devices: names }, 'the devices get tiles for their next places');
  }

  #preparationOf(arrangement: Arrangement, onOver: () => void): Preparation {
    return new Preparation(this.#deal(arrangement), { ...this.#options, onOver });
  }

  /** A device can be prepared for one place at a time. */
  #endPreparation(): void {
    this.#spares.pause();
    this.#next?.cancel();
    this.#next = undefined;
  }

  #deal(arrangement: Arrangement): Plan {
    this.#plans += 1;
    return dealTiles(this.#plans, arrangement, this.#options.model);
  }

  #countLoaded({ assignments }: Plan): () => void {
    const tiles = assignments.reduce((sum, { tileIds }) => sum + tileIds.length, 0);
    let loadedTiles = 0;
    return () => {
      loadedTiles += 1;
      this.#options.onProgress({ loadedTiles, tiles });
    };
  }
}
