import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';

/** A coordinator that this browser has been paired with. */
export interface KnownCoordinator {
  readonly publicKey: Uint8Array;
  readonly url: string;
}

/** What is known of a tile that was kept without reading it. */
export interface TileEntry {
  readonly byteLength: number;
  readonly checksum: string;
  /** In milliseconds since 1970. */
  readonly usedMs: number;
}

/** What a browser keeps for an origin, also where that is a plain `http://` address. */
interface Schema extends DBSchema {
  /** One, called `own`. */
  readonly keys: { readonly key: string; readonly value: Uint8Array };
  /** By the text of their key. */
  readonly coordinators: { readonly key: string; readonly value: KnownCoordinator };
  /** By hash: bytes, which browsers read about twice as fast from a blob, and what is known of them. */
  readonly tiles: { readonly key: string; readonly value: Blob };
  readonly tileEntries: { readonly key: string; readonly value: TileEntry };
  /** By circumstances. */
  readonly rates: {
    readonly key: string;
    readonly value: { readonly measuredMs: number; readonly rates: DeviceRates };
  };
}

export type Database = IDBPDatabase<Schema>;

/** @throws DOMException where the browser keeps nothing, as in some private windows */
export function openDatabase(): Promise<Database> {
  return openDB<Schema>('hearth', 1, {
    upgrade(database) {
      for (const store of ['keys', 'coordinators', 'tiles', 'tileEntries', 'rates'] as const)
        database.createObjectStore(store);
    },
  });
}
