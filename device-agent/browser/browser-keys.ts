import { type KeyPair, newKeyPair } from '../../runtime/secure/cryptography.ts';
import { portableKeyExchange } from '../../runtime/secure/portable-cryptography.ts';
import { hashName } from '../../runtime/tile/tile-hash.ts';
import type { RememberingCredentials } from '../keep-joined.ts';
import type { Database } from './database.ts';

/** Who this browser is, and whom it obeys. What it keeps no page of another origin can read. */
export class BrowserKeys implements RememberingCredentials {
  readonly own: KeyPair;
  readonly #database: Database;
  readonly #known: Set<string>;

  private constructor(database: Database, own: KeyPair, known: readonly string[]) {
    this.#database = database;
    this.own = own;
    this.#known = new Set(known);
  }

  static async open(database: Database): Promise<BrowserKeys> {
    const fresh = newKeyPair(portableKeyExchange);
    // In one transaction: of two pages that open at once, one makes the key.
    const writing = database.transaction('keys', 'readwrite');
    const kept = await writing.store.get('own');
    if (!kept) await writing.store.put(fresh.privateKey, 'own');
    await writing.done;
    const own = kept ? { privateKey: kept, publicKey: portableKeyExchange.publicKeyOf(kept) } : fresh;
    return new BrowserKeys(database, own, await database.getAllKeys('coordinators'));
  }

  knows = (coordinator: Uint8Array): boolean => this.#known.has(hashName(coordinator));

  remember(coordinator: Uint8Array, url: string): void {
    const name = hashName(coordinator);
    this.#known.add(name);
    const publicKey = Uint8Array.from(coordinator);
    void this.#database.put('coordinators', { publicKey, url }, name);
  }
}
