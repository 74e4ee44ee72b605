import { HearthError } from '../../runtime/error.ts';
import { isNewUse, type TileCache, type TileFile, type TileHash } from '../tile-cache.ts';
import type { Checksum } from './checksum.ts';
import type { Database, TileEntry } from './database.ts';

/** Wait for the database until the tiles are used. */
const mostWrittenMs = 10_000;

/**
 * Tiles in the browser's database: everywhere, but to be read only with a wait, so that nothing can stream. A tile is there
 * wholly or not at all; that its bytes have not decayed since its checksum tells.
 */
export class DatabaseTileCache implements TileCache {
  readonly capacityBytes: number;
  readonly #database: Database;
  readonly #entries: Map<TileHash, TileEntry>;
  readonly #checksum: Checksum;
  readonly #writes = new Set<Promise<void>>();
  #usedBytes = 0;
  #failure: unknown;

  private constructor(
    database: Database,
    capacityBytes: number,
    entries: Map<TileHash, TileEntry>,
    checksum: Checksum,
  ) {
    this.#database = database;
    this.capacityBytes = capacityBytes;
    this.#entries = entries;
    this.#checksum = checksum;
    for (const { byteLength } of entries.values()) this.#usedBytes += byteLength;
  }

  static async open(
    database: Database,
    capacityBytes: number,
    checksum: Checksum,
  ): Promise<DatabaseTileCache> {
    const reading = database.transaction('tileEntries').store;
    const [hashes, entries] = await Promise.all([reading.getAllKeys(), reading.getAll()]);
    const byHash = new Map(hashes.map((hash, i) => [hash, entries[i]!]));
    return new DatabaseTileCache(database, capacityBytes, byHash, checksum);
  }

  has(hash: TileHash, byteLength: number): boolean {
    const entry = this.#entries.get(hash);
    if (entry?.byteLength !== byteLength) return false;
    this.#noteUse(hash, entry);
    return true;
  }

  async load(hash: TileHash, target: Uint8Array): Promise<boolean> {
    const bytes = await this.#read(hash);
    const entry = this.#entries.get(hash);
    if (entry && bytes?.length === target.length && this.#checksum(hash, bytes) === entry.checksum) {
      target.set(bytes);
      this.#noteUse(hash, entry);
      return true;
    }
    this.#forget([hash]);
    return false;
  }

  async #read(hash: TileHash): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const kept = await this.#database.get('tiles', hash);
      return kept && new Uint8Array(await kept.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  store(hash: TileHash, bytes: Uint8Array): void {
    if (bytes.length > this.capacityBytes || this.#failure) throw this.#noRoom(bytes.length);
    this.#makeRoom(bytes.length);
    const entry = { byteLength: bytes.length, checksum: this.#checksum(hash, bytes), usedMs: Date.now() };
    this.#entries.set(hash, entry);
    this.#usedBytes += bytes.length;
    const writing = this.#database.transaction(['tiles', 'tileEntries'], 'readwrite');
    void writing.objectStore('tiles').put(new Blob([bytes as Uint8Array<ArrayBuffer>]), hash);
    void writing.objectStore('tileEntries').put(entry, hash);
    const write = writing.done
      .catch((error: unknown) => {
        // The browser's own limit, which it tells only in this way.
        this.#failure = error;
        this.#drop(hash);
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  async written(): Promise<void> {
    // What hangs in a database is only sent once more than it need be.
    const patience = new Promise((resolve) => setTimeout(resolve, mostWrittenMs));
    await Promise.race([Promise.all(this.#writes), patience]);
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

  #noteUse(hash: TileHash, entry: TileEntry): void {
    const nowMs = Date.now();
    if (!isNewUse(entry.usedMs, nowMs)) return;
    const used = { ...entry, usedMs: nowMs };
    this.#entries.set(hash, used);
    this.#database.put('tileEntries', used, hash).catch(() => {});
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
