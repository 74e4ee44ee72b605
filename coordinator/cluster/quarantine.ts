import type { HearthError } from '../../runtime/error.ts';
import type { Member } from './member.ts';

/** A device that has computed wrongly, as people and programs are told of it. */
export interface Fault {
  readonly device: string;
  /** ISO 8601. */
  readonly at: string;
  readonly reason: string;
}

interface Quarantined {
  member: Member;
  readonly reason: string;
}

/** Faults that are told of. */
const mostFaults = 16;

/**
 * Devices that have computed wrongly. They stand by, and do so when they come back, under any name, until a person lets
 * them compute again: by saying so, or by pairing them anew.
 */
export class Quarantine {
  readonly #devices = new Map<string, Quarantined>();
  #faults: readonly Fault[] = [];

  /** The last ones, oldest first. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  put(member: Member, { message }: HearthError, at = new Date()): void {
    const { name, identity } = member.info;
    this.#devices.set(identity, { member, reason: message });
    this.#faults = [...this.#faults, { device: name, at: at.toISOString(), reason: message }].slice(
      -mostFaults,
    );
    member.standBys.set('quarantine', message);
  }

  /** @param member that has just come in */
  watch(member: Member): void {
    const { identity, isNew } = member.info;
    const known = this.#devices.get(identity);
    if (!known) return;
    if (isNew) this.#devices.delete(identity);
    else {
      known.member = member;
      member.standBys.set('quarantine', known.reason);
    }
  }

  /** @returns whether a device of this name was in it */
  lift(name: string): boolean {
    const lifted = [...this.#devices].filter(([, { member }]) => member.info.name === name);
    for (const [identity, { member }] of lifted) {
      this.#devices.delete(identity);
      member.standBys.set('quarantine', '');
    }
    return lifted.length > 0;
  }
}
