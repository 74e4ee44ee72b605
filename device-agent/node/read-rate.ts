import { closeSync, constants, openSync, readSync } from 'node:fs';

const blockBytes = 1 << 20;

export interface ReadRateOptions {
  /** Past the system's cache of files, where that can be done. */
  readonly direct: boolean;
  /** For how long at most. Files are read again and again only where their copies in memory do not count. */
  readonly milliseconds: number;
}

/**
 * How fast files are read from their beginnings, one after the other, in bytes a second. It blocks.
 * @throws whatever `fs` throws: EINVAL where a file system cannot read past the cache
 */
export function readRate(paths: readonly string[], { direct, milliseconds }: ReadRateOptions): number {
  // Aligned to pages, as direct reads want it.
  const block = new Uint8Array(new WebAssembly.Memory({ initial: blockBytes >> 16 }).buffer);
  const beganMs = performance.now();
  const endMs = beganMs + milliseconds;
  let bytes = 0;
  let roundBytes = 0;
  do {
    roundBytes = 0;
    for (const path of paths) roundBytes += readFile(path, direct, block, endMs);
    bytes += roundBytes;
  } while (direct && roundBytes > 0 && performance.now() < endMs);
  return (1000 * bytes) / (performance.now() - beganMs);
}

function readFile(path: string, direct: boolean, block: Uint8Array, endMs: number): number {
  // Where there is no such flag it is undefined and changes nothing.
  const descriptor = openSync(path, constants.O_RDONLY | (direct ? constants.O_DIRECT : 0));
  try {
    let bytes = 0;
    while (performance.now() < endMs) {
      const bytesRead = readSync(descriptor, block, 0, blockBytes, bytes);
      bytes += bytesRead;
      if (bytesRead < blockBytes) break;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
