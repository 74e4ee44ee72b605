import { closeSync, constants, openSync, readSync } from 'node:fs';
import { readOverlap, smallReadBytes } from '../probe/measure.ts';
import { keptTiles } from './tile-files.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** Of a disk of which nothing is known: about that of an SSD that is read on at 1.5 GB/s. */
export const likelySeekBytes = 64 << 10;

/** A read of a tile, about. */
const largeBytes = 1 << 20;
/** Of each kind. */
const milliseconds = 40;
/** Tiles that are read from: enough that what a disk has at hand does not count. */
const mostFiles = 16;

/**
 * What a small read costs beside its bytes, in bytes that could be read on meanwhile, as `Residency` counts: from tiles that
 * are kept, past the cache of files. It blocks.
 * @returns undefined where there is too little to read from, or that cannot be done
 */
export function measureSeek({ folder }: TileRoomOptions): number | undefined {
  const descriptors: number[] = [];
  try {
    const large = keptTiles(folder).filter(({ byteLength }) => byteLength >= largeBytes);
    if (large.length < mostFiles) return undefined;
    const step = large.length / mostFiles;
    for (let i = 0; i < mostFiles; i += 1)
      descriptors.push(openSync(large[Math.floor(i * step)]!.path, constants.O_RDONLY | constants.O_DIRECT));
    const onMs = msOf(descriptors, largeBytes) / largeBytes;
    const smallMs = msOf(descriptors, smallReadBytes);
    return Math.max(0, Math.round(smallMs / readOverlap / onMs) - smallReadBytes);
  } catch {
    return undefined;
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** Milliseconds of a read of so many bytes somewhere in a file, the next each time. */
function msOf(descriptors: readonly number[], byteLength: number): number {
  // Aligned to pages, as direct reads want it.
  const memory = new WebAssembly.Memory({ initial: byteLength >> 16 || 1 });
  const target = new Uint8Array(memory.buffer, 0, byteLength);
  const beganMs = performance.now();
  let reads = 0;
  while (performance.now() - beganMs < milliseconds) {
    const descriptor = descriptors[reads % descriptors.length]!;
    const places = Math.floor(largeBytes / byteLength);
    readSync(descriptor, target, 0, byteLength, ((reads * 61) % places) * byteLength);
    reads += 1;
  }
  return (performance.now() - beganMs) / reads;
}
