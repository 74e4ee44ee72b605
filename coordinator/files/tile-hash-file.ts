import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import type { Logger } from '../../device-agent/logger.ts';
import type { FileVersion } from '../../runtime/gguf/source.ts';
import { hashName, tileHashBytes, tileLayoutVersion } from '../../runtime/tile/tile-hash.ts';
import { TileHashes } from '../cluster/tile-hashes.ts';

export interface TileHashFile {
  readonly hashes: TileHashes;
  close(): void;
}

/**
 * The hashes of a model file's tiles, remembered beyond the end of the process: devices that keep tiles are told which,
 * and need not be sent any. Each is written when it is learned, without ceremony: what a crash or a bad disk makes of
 * one is a tile that nobody has, which is sent and learned again. Where nothing can be written, nothing is remembered.
 */
export function openTileHashes(
  { path, version }: FileVersion,
  tileCount: number,
  logger: Logger,
  folder = join(cacheFolder(), 'hashes'),
): TileHashFile {
  const key = JSON.stringify([path, version, tileCount, tileLayoutVersion]);
  const name = hashName(nodeSha256(new TextEncoder().encode(key)));
  const hashes = new Uint8Array(tileCount * tileHashBytes);
  try {
    mkdirSync(folder, { recursive: true });
    const file = openSync(join(folder, `${name}.sha256`), 'a+');
    closeSync(file);
    const fd = openSync(join(folder, `${name}.sha256`), 'r+');
    readSync(fd, hashes, 0, hashes.length, 0);
    const learned = (tileId: number, hash: Uint8Array) => {
      writeSync(fd, hash, 0, tileHashBytes, tileId * tileHashBytes);
    };
    return { hashes: new TileHashes(hashes, learned), close: () => closeSync(fd) };
  } catch (error) {
    logger.warn({ error }, 'the hashes of tiles cannot be remembered: devices will be sent them again');
    return { hashes: new TileHashes(hashes), close: () => {} };
  }
}
