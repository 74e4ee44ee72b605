import { RowReader } from '../runtime/weights/row-reader.ts';
import { RowReads } from '../runtime/weights/row-reads.ts';
import type { TileCache, TileFile } from './tile-cache.ts';
import { type NamedTiles, openTile } from './window-host.ts';

/** All that a thread needs to read the records of a stage's cold tiles: it can be posted to it as it is. */
export interface RowReaderJob extends NamedTiles {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  /** Indexes of those tiles whose records are read. */
  readonly cold: readonly number[];
  readonly teamSize: number;
}

/**
 * The life of a reader's thread, which it blocks: it ends when readers are stopped.
 * @param index among the readers
 * @throws HearthError TILE_CORRUPT, FILE_READ_FAILED
 */
export function runRowReader(job: RowReaderJob, index: number, cache: Pick<TileCache, 'open'>): void {
  const { control, teamSize, memory, cold } = job;
  const reads = new RowReads(control, teamSize);
  const files = new Map<number, TileFile>();
  try {
    // Past the system's cache of files: what is read seldom would only take the place of something else.
    for (const tile of cold) files.set(tile, openTile(job, cache, tile, true));
    new RowReader(reads, index, (tile, byteOffset, byteLength, address) =>
      files.get(tile)!.readPart(new Uint8Array(memory.buffer, address, byteLength), byteOffset),
    ).run();
  } catch (error) {
    reads.fail();
    throw error;
  } finally {
    for (const file of files.values()) file.close();
  }
}
