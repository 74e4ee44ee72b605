import { HearthError } from '../runtime/error.ts';
import type { TileSpec } from '../runtime/tile/spec.ts';
import { Residency, streamableBytes } from '../runtime/weights/residency.ts';
import { WindowControl } from '../runtime/weights/window-control.ts';
import { WindowLoader } from '../runtime/weights/window-loader.ts';
import type { TileCache, TileFile } from './tile-cache.ts';

/** All that a thread needs to load the tiles of a stage that do not stay in memory: it can be posted to it as it is. */
export interface LoaderJob {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  /** The stage's tiles, and what each is called in the cache. */
  readonly specs: readonly TileSpec[];
  readonly hashes: readonly string[];
  readonly teamSize: number;
  /** Address and bytes of the memory for tiles, and how many stay there to begin with. */
  readonly region: number;
  readonly weightBytes: number;
  readonly residents: number;
  /** What a read costs, where records are read by others: see `Residency`. */
  readonly seekBytes: number | undefined;
}

/** Tiles to open, and what each is called in the cache. */
export interface NamedTiles {
  readonly specs: readonly Pick<TileSpec, 'id' | 'byteLength'>[];
  readonly hashes: readonly string[];
}

/** Bytes that pass through the window of a stage, if a step uses all of its tiles. */
export function streamedBytes({ specs, weightBytes }: Pick<LoaderJob, 'specs' | 'weightBytes'>): number {
  return Math.max(0, streamableBytes(specs) - weightBytes);
}

/**
 * The life of a loader's thread, which it blocks: it ends when the window is stopped.
 * @param direct whether to read past the system's cache of files: where that could not hold what is read again and again
 * @throws HearthError TILE_CORRUPT, FILE_READ_FAILED
 */
export function runLoader(
  job: LoaderJob,
  cache: Pick<TileCache, 'open'>,
  direct: boolean,
  nowMs: () => number,
): void {
  const { control, specs, teamSize, region, weightBytes, residents, memory, seekBytes } = job;
  const files = new Map<number, TileFile>();
  const residency = new Residency(specs, teamSize, weightBytes, seekBytes);
  const read = (tile: number, address: number): void => {
    const target = new Uint8Array(memory.buffer, address, residency.passingBytes(tile));
    if (residency.cold.has(tile)) files.get(tile)!.readPart(target, 0);
    else files.get(tile)!.readInto(target);
  };
  try {
    // All at once: what another process removes later can still be read.
    for (const tile of [...residency.order.layers, ...residency.order.vocabulary])
      files.set(tile, openTile(job, cache, tile, direct));
    new WindowLoader({ control, residency, region, loadedResidents: residents, read, nowMs }).run();
  } catch (error) {
    new WindowControl(control).fail();
    throw error;
  } finally {
    for (const file of files.values()) file.close();
  }
}

/** @throws HearthError TILE_CORRUPT, FILE_READ_FAILED */
export function openTile(
  { specs, hashes }: NamedTiles,
  cache: Pick<TileCache, 'open'>,
  tile: number,
  direct: boolean,
): TileFile {
  const file = cache.open(hashes[tile]!, specs[tile]!.byteLength, { direct });
  if (file) return file;
  throw new HearthError('TILE_CORRUPT', `tile ${hashes[tile]} is no longer where it was kept`, {
    tile: specs[tile]!.id,
  });
}
