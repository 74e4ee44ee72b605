import type { Member } from './member.ts';

/** Which devices a person has paused, by name: who goes and comes back under one is still paused. */
export class Pauses {
  readonly #names = new Set<string>();
  readonly #members = new Set<Member>();

  /** @param member that has just come in */
  watch(member: Member): void {
    for (const known of this.#members) if (!known.isHere) this.#members.delete(known);
    this.#members.add(member);
    pause(member, this.#names.has(member.info.name));
  }

  /** @returns whether there is anything of this name */
  set(name: string, isPaused: boolean): boolean {
    const named = [...this.#members].filter(({ info, isHere }) => isHere && info.name === name);
    if (named.length === 0 && !this.#names.has(name)) return false;
    if (isPaused) this.#names.add(name);
    else this.#names.delete(name);
    for (const member of named) pause(member, isPaused);
    return true;
  }
}

function pause({ standBys }: Member, isPaused: boolean): void {
  standBys.set('pause', isPaused ? 'paused on the coordinator' : '');
}
