/** The SHA-256 of a tile's bytes, as 64 lower-case hexadecimal digits. */
export type TileHash = string;

/** Whether a text is a `TileHash`: what is not must not become part of a path. */
export function isTileHash(text: string): text is TileHash {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Finer than this the order of uses is not known: noting one costs a write. */
const useGrainMs = 60_000;

/** Whether a use is to be noted, where one was before. A clock that was set back must not make a tile look new for as long. */
export function isNewUse(notedMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - notedMs) >= useGrainMs;
}

/**
 * Tiles that a device keeps beyond a session, named by their content. It may forget any of them at any time; those that
 * were used last it keeps longest. Synchronous, for threads that block. A hash that is none is a programmer error.
 */
export interface TileCache {
  /** What all tiles together may take: more than that does not stay. */
  readonly capacityBytes: number;

  /**
   * Whether a tile of this length is there; its bytes are not looked at. A use.
   */
  has(hash: TileHash, byteLength: number): boolean;

  /**
   * Reads a tile into memory, shared memory too, and verifies it. A use. A tile that is damaged, or not of the target's
   * length, is removed; one that cannot be read is as good as not there.
   * @param target of the tile's length; if the answer is `false` its content is undefined
   * @returns whether the target now holds the tile; later, where reading takes a wait
   */
  load(hash: TileHash, target: Uint8Array): boolean | Promise<boolean>;

  /**
   * Keeps a tile, wholly or not at all, and forgets others to make room.
   * @param bytes hash to `hash`, which is not checked again
   * @throws HearthError CACHE_WRITE_FAILED if there is no room, or the place cannot be written
   */
  store(hash: TileHash, bytes: Uint8Array): void;

  /** Settles when all that was stored outlives this process; absent where it does at once. */
  written?(): Promise<void>;

  /**
   * Opens a tile that is read again and again. A use. Nothing verifies what is read: `load` it once before.
   * @returns `undefined` if no tile of this length is there
   * @throws HearthError FILE_READ_FAILED
   */
  open(hash: TileHash, byteLength: number, options?: OpenTileOptions): TileFile | undefined;
}

export interface OpenTileOptions {
  /** Past the system's cache of files, where that can be done: for more tiles than memory holds. Default `false`. */
  readonly direct?: boolean;
}

/** Reads that go past the system's cache are of whole blocks, into memory that starts on one. */
export const directBlockBytes = 4096;

/** A tile kept open. */
export interface TileFile {
  /**
   * Reads the whole tile; nothing is allocated. Every minute in which it is called counts as a use.
   * @param target of the tile's length or more. For `direct` it starts at a multiple of `directBlockBytes` in memory that
   *   starts on a page, as WebAssembly's does, and has room to the next multiple behind the tile, where what it holds is
   *   undefined afterwards.
   * @throws HearthError TILE_CORRUPT if the tile has become shorter or was taken away, FILE_READ_FAILED
   */
  readInto(target: Uint8Array): void;

  /**
   * Reads what the target has room for, from a byte of the tile on; less where the tile ends before. A use, too.
   * @param target for `direct` of whole blocks
   * @param byteOffset for `direct` a multiple of `directBlockBytes`
   * @throws HearthError as above
   */
  readPart(target: Uint8Array, byteOffset: number): void;

  /** May be called again. */
  close(): void;
}
