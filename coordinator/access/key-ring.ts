import { HearthError } from '../../runtime/error.ts';
import { type AccessKey, hashOf, keyOfHash, newKeyText, type Scope } from './access-key.ts';
import type { KeyStore } from './key-file.ts';

/** Who asks, by the key that was shown. */
export interface Caller {
  readonly name: string;
  readonly scope: Scope;
}

/** What a browser carries in a cookie. */
export interface Session {
  readonly token: string;
  readonly name: string;
  readonly expiresAt: Date;
}

const sessionDays = 90;
const dayMs = 24 * 60 * 60 * 1000;
const maxKeys = 64;
const maxSessions = 64;

/** The keys that open the API: those that are kept, the one given at the start, and the invitation for browsers. */
export class KeyRing {
  readonly #store: KeyStore;
  readonly #given: readonly AccessKey[];
  readonly #now: () => Date;
  #invitation: { readonly text: string; readonly removals: number };

  /**
   * @param given a key of scope admin that is not kept
   * @throws HearthError what the store throws
   */
  constructor(store: KeyStore, given?: string, now = () => new Date()) {
    this.#store = store;
    this.#now = now;
    this.#given =
      given === undefined
        ? []
        : [{ name: 'given at the start', scope: 'admin', hash: hashOf(given), createdAt: now() }];
    this.#invitation = { text: newKeyText(), removals: store.read().removals };
  }

  /** All that are kept and have not expired. */
  get keys(): readonly AccessKey[] {
    return this.#store.read().keys.filter(this.#isAlive);
  }

  /** Of scope chat, for a link that browsers open. Who is thrown out may know it, so then there is another. */
  get invitation(): string {
    const { removals } = this.#store.read();
    if (removals !== this.#invitation.removals) this.#invitation = { text: newKeyText(), removals };
    return this.#invitation.text;
  }

  /** @returns who it is that has this key, or nothing if nobody may have it, or no longer */
  find(text: string): Caller | undefined {
    const invited: AccessKey = {
      name: 'invitation',
      scope: 'chat',
      hash: hashOf(this.invitation),
      createdAt: this.#now(),
    };
    const found = keyOfHash([...this.#given, invited, ...this.keys], hashOf(text));
    return found && { name: found.name, scope: found.scope };
  }

  /**
   * @returns the key's text, which is not kept
   * @throws HearthError USAGE if the name is taken, or there are too many
   */
  add(name: string, scope: Scope): string {
    return this.#store.locked(() => {
      const text = newKeyText();
      const { keys } = this;
      if (keys.some((key) => key.name === name))
        throw new HearthError(
          'USAGE',
          `there is a key called "${name}": remove it first, or take another name`,
        );
      if (keys.filter(({ expiresAt }) => !expiresAt).length >= maxKeys)
        throw new HearthError('USAGE', `there are ${maxKeys} keys: remove some that are not used`);
      this.#keep([...keys, { name, scope, hash: hashOf(text), createdAt: this.#now() }]);
      return text;
    });
  }

  /** A session with the rights of whoever asks for it. Of too many, the oldest of the same rights ends. */
  openSession({ scope }: Caller, device: string): Session {
    return this.#store.locked(() => {
      const { keys } = this;
      const sessions = keys.filter((key) => key.expiresAt && key.scope === scope);
      const dropped = sessions.length >= maxSessions ? sessions[0] : undefined;
      const token = newKeyText();
      const createdAt = this.#now();
      const expiresAt = new Date(createdAt.getTime() + sessionDays * dayMs);
      const name = freeName(device, keys);
      const session = { name, scope, hash: hashOf(token), createdAt, expiresAt };
      this.#keep([...keys.filter((key) => key !== dropped), session]);
      return { token, name, expiresAt };
    });
  }

  /** The browser that has it gives it back. */
  closeSession(token: string): void {
    this.#store.locked(() => {
      const { keys } = this;
      const found = keyOfHash(keys, hashOf(token));
      if (found?.expiresAt) this.#keep(keys.filter((key) => key !== found));
    });
  }

  /** @returns whether there was one of this name */
  remove(name: string): boolean {
    return this.#store.locked(() => {
      const { keys } = this;
      const kept = keys.filter((key) => key.name !== name);
      if (kept.length === keys.length) return false;
      this.#store.write({ keys: kept, removals: this.#store.read().removals + 1 });
      return true;
    });
  }

  #keep(keys: readonly AccessKey[]): void {
    this.#store.write({ keys, removals: this.#store.read().removals });
  }

  readonly #isAlive = ({ expiresAt }: AccessKey): boolean => !expiresAt || expiresAt > this.#now();
}

/** `iPhone`, or `iPhone-2` where there is one. */
function freeName(wanted: string, keys: readonly AccessKey[]): string {
  const taken = new Set(keys.map(({ name }) => name));
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}-${number}`;
  return name;
}
