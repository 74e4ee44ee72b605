import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../device-agent/logger.ts';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { FileVersion } from '../../runtime/gguf/source.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import { hashAt, hashName, tileHashBytes, tileLayoutVersion } from '../../runtime/tile/tile-hash.ts';
import { TileHashes } from '../cluster/tile-hashes.ts';

export interface TileHashFile {
  readonly hashes: TileHashes;
  close(): void;
}

/** A hash, and a check of whose it is. */
const recordBytes = tileHashBytes + 8;

/**
 * The hashes of a model file's tiles, remembered beyond the end of the process: devices that keep tiles are told which,
 * and need not be sent any. Each is written when it is learned, without ceremony: what a crash or a bad disk makes of
 * one is told by its check, and then the tile is sent and its hash learned again. The check is of the model's version
 * and the tile's number too: a hash in another's place would name a sound tile, and the answers would be wrong. Where
 * nothing can be written, nothing is remembered.
 */
export function openTileHashes(
  { path, version }: FileVersion,
  { tiles, description }: { readonly tiles: readonly TileSpec[]; readonly description: ModelDescription },
  logger: Logger,
  folder = join(cacheFolder(), 'hashes'),
): TileHashFile {
  // Of one file, tiles with predictors are others than those without.
  const { approximation } = description;
  const predictors = approximation?.kind === 'predicted' ? approximation.predictors : [];
  const model = sha256Of(JSON.stringify([path, version, tiles.length, predictors, tileLayoutVersion]));
  const hashes = new Uint8Array(tiles.length * tileHashBytes);
  const forgetful = (error: unknown) =>
    logger.warn({ error }, 'the hashes of tiles cannot be remembered: devices will be sent them again');
  try {
    const fd = openForever(folder, `${hashName(model)}.sha256`);
    readRecords(fd, model, hashes);
    let writes = true;
    const learned = (tileId: number, hash: Uint8Array) => {
      try {
        if (writes) writeSync(fd, recordOf(model, tileId, hash), 0, recordBytes, tileId * recordBytes);
      } catch (error) {
        writes = false;
        forgetful(error);
      }
    };
    return { hashes: new TileHashes(hashes, learned), close: () => closeSync(fd) };
  } catch (error) {
    forgetful(error);
    return { hashes: new TileHashes(hashes), close: () => {} };
  }
}

/** A file that is there from now on, open for records anywhere in it. */
function openForever(folder: string, name: string): number {
  mkdirSync(folder, { recursive: true });
  closeSync(openSync(join(folder, name), 'a'));
  return openSync(join(folder, name), 'r+');
}

/** Reads those that are whole and in their place. */
function readRecords(fd: number, model: Uint8Array, hashes: Uint8Array): void {
  const records = new Uint8Array((hashes.length / tileHashBytes) * recordBytes);
  const length = readSync(fd, records, 0, records.length, 0);
  for (let id = 0; (id + 1) * recordBytes <= length; id += 1) {
    const record = records.subarray(id * recordBytes, (id + 1) * recordBytes);
    const hash = record.subarray(0, tileHashBytes);
    if (Buffer.compare(record, recordOf(model, id, hash)) === 0) hashAt(hashes, id).set(hash);
  }
}

function recordOf(model: Uint8Array, tileId: number, hash: Uint8Array): Uint8Array {
  const check = nodeSha256(Buffer.concat([model, Buffer.from(`${tileId} `), hash]));
  return Buffer.concat([hash, check.subarray(0, recordBytes - tileHashBytes)]);
}

function sha256Of(text: string): Uint8Array {
  return nodeSha256(new TextEncoder().encode(text));
}
