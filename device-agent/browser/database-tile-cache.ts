import { HearthError } from '../../runtime/error.ts';
import type { TileCache, TileFile, TileHash } from '../tile-cache.ts';
import type { Database, TileEntry } from './database.ts';
import { hashBytes } from './hash-bytes.ts';

/** Tiles in the browser's database: everywhere, but to be read only with a wait, so that nothing can stream. */
export class DatabaseTileCache implements TileCache {
  readonly capacityBytes: number;
  readonly #database: Database;
  readonly #entries: Map<TileHash, TileEntry>;
  #usedBytes = 0;
  #failure: unknown;

  private constructor(database: Database, capacityBytes: number, entries: Map<TileHash, TileEntry>) {
    this.#database = database;
    this.capacityBytes = capacityBytes;
    this.#entries = entries;
    for (const { byteLength } of entries.values()) this.#usedBytes += byteLength;
  }

  static async open(database: Database, capacityBytes: number): Promise<DatabaseTileCache> {
    const reading = database.transaction('tileEntries').store;
    const [hashes, entries] = await Promise.all([reading.getAllKeys(), reading.getAll()]);
    const byHash = new Map(hashes.map((hash, i) => [hash, entries[i]!]));
    return new DatabaseTileCache(database, capacityBytes, byHash);
  }

  has(hash: TileHash, byteLength: number): boolean {
    return this.#entries.get(hash)?.byteLength === byteLength;
  }

  async load(hash: TileHash, target: Uint8Array): Promise<boolean> {
    const bytes = await this.#database.get('tiles', hash).catch(() => undefined);
    if (bytes?.length === target.length && (await hashBytes(bytes)) === hash) {
      target.set(bytes);
      this.#noteUse(hash, bytes.length);
      return true;
    }
    this.#forget([hash]);
    return false;
  }

  store(hash: TileHash, bytes: Uint8Array): void {
    if (bytes.length > this.capacityBytes || this.#failure) throw this.#noRoom(bytes.length);
    this.#makeRoom(bytes.length);
    const entry = { byteLength: bytes.length, usedMs: Date.now() };
    this.#entries.set(hash, entry);
    this.#usedBytes += bytes.length;
    const writing = this.#database.transaction(['tiles', 'tileEntries'], 'readwrite');
    void writing.objectStore('tiles').put(bytes.slice(), hash);
    void writing.objectStore('tileEntries').put(entry, hash);
    writing.done.catch((error: unknown) => {
      // The browser's own limit, which it tells only in this way.
      this.#failure = error;
      this.#drop(hash);
    });
  }

  open(): TileFile | undefined {
    return undefined;
  }

  #makeRoom(byteLength: number): void {
    if (this.#usedBytes + byteLength <= this.capacityBytes) return;
    const oldestFirst = [...this.#entries].sort(([, a], [, b]) => a.usedMs - b.usedMs);
    const forgotten: TileHash[] = [];
    let left = this.#usedBytes;
    for (const [hash, entry] of oldestFirst) {
      if (left + byteLength <= this.capacityBytes) break;
      forgotten.push(hash);
      left -= entry.byteLength;
    }
    this.#forget(forgotten);
  }

  #forget(hashes: readonly TileHash[]): void {
    const writing = this.#database.transaction(['tiles', 'tileEntries'], 'readwrite');
    for (const hash of hashes) {
      this.#drop(hash);
      void writing.objectStore('tiles').delete(hash);
      void writing.objectStore('tileEntries').delete(hash);
    }
    writing.done.catch(() => {});
  }

  #drop(hash: TileHash): void {
    this.#usedBytes -= this.#entries.get(hash)?.byteLength ?? 0;
    this.#entries.delete(hash);
  }

  #noteUse(hash: TileHash, byteLength: number): void {
    const entry = { byteLength, usedMs: Date.now() };
    this.#entries.set(hash, entry);
    this.#database.put('tileEntries', entry, hash).catch(() => {});
  }

  #noRoom(byteLength: number): HearthError {
    return new HearthError(
      'CACHE_WRITE_FAILED',
      `this browser keeps no tile of ${byteLength} bytes more: weights may take ${this.capacityBytes} bytes here`,
      { byteLength, capacityBytes: this.capacityBytes },
      this.#failure,
    );
  }
}
