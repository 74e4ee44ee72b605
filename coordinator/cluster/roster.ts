import { HearthError } from '../../runtime/error.ts';
import type { Member } from './member.ts';

/** A device's place in the cluster, kept while it is here: with `--split`, its index says how large its part is. */
export interface Seat {
  readonly index: number;
  readonly member: Member;
  /** Relative to the others'. */
  readonly share: number;
  /** Why it could not be what it was asked to be, until the next device joins. */
  declined: HearthError | undefined;
}

/** Who has joined, and who of them is to compute. */
export class Roster {
  readonly #shares: readonly number[] | undefined;
  readonly #minDevices: number;
  #seats: Seat[] = [];
  #started = false;

  constructor(shares: readonly number[] | undefined, minDevices: number) {
    this.#shares = shares;
    this.#minDevices = minDevices;
  }

  /** In the order of their indices, which is that of the ranks. */
  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** Gives a device the first free place; who had declined may do better in the larger company. */
  add(member: Member): void {
    let index = 0;
    while (this.#seats[index]?.index === index) index += 1;
    const share = this.#shares ? (this.#shares[index] ?? 0) : 1;
    this.#seats.push({ index, member, share, declined: undefined });
    this.#seats.sort((a, b) => a.index - b.index);
    for (const seat of this.#seats) seat.declined = undefined;
  }

  remove(member: Member): void {
    this.#seats = this.#seats.filter((seat) => seat.member !== member);
  }

  decline(member: Member, reason: HearthError): void {
    const seat = this.#seats.find((candidate) => candidate.member === member);
    if (seat) seat.declined = reason;
  }

  /** From now on, whoever is left goes on. */
  started(): void {
    this.#started = true;
  }

  /** Those who are to compute now; none if too few are here to start. */
  chosen(): readonly Seat[] {
    if (!this.#started && this.#seats.length < this.#minDevices) return [];
    return this.#seats.filter(
      ({ share, declined, member }) => share > 0 && !declined && !member.standBys.reason,
    );
  }

  /** Why nobody is chosen. */
  noDevices(): HearthError {
    const declined = this.#seats.find((seat) => seat.declined);
    if (declined) {
      return new HearthError(
        'PLAN_NO_DEVICES',
        `the devices cannot hold the model; "${declined.member.info.name}" said: ${declined.declined?.message}`,
        { devices: this.#seats.length },
      );
    }
    const idle = this.#seats.find(({ member }) => member.standBys.reason)?.member;
    if (idle) {
      const message = `"${idle.info.name}" stands by (${idle.standBys.reason}), and nobody else is here to compute`;
      return new HearthError('PLAN_NO_DEVICES', message, { devices: this.#seats.length });
    }
    const missing = Math.max(1, this.#minDevices - this.#seats.length);
    return new HearthError('PLAN_NO_DEVICES', `${missing} more devices must join before there are answers`, {
      devices: this.#seats.length,
      missing,
    });
  }
}
