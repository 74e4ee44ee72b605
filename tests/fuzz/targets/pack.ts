import { createHash } from 'node:crypto';
import { startChecksum } from '../../../device-agent/browser/checksum.ts';
import type { PrivateFile } from '../../../device-agent/browser/pack-files.ts';
import { PackTileCache } from '../../../device-agent/browser/pack-tile-cache.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import type { Target } from '../target.ts';

/** A browser's file, in memory: no longer than its bytes. */
class BytesFile implements PrivateFile {
  bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  getSize = (): number => this.bytes.length;
  read(target: Uint8Array, { at }: { readonly at: number }): number {
    const part = this.bytes.subarray(at, at + target.length);
    target.set(part);
    return part.length;
  }
  write(bytes: Uint8Array, { at }: { readonly at: number }): number {
    if (at + bytes.length > this.bytes.length) {
      const longer = new Uint8Array(at + bytes.length);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(bytes, at);
    return bytes.length;
  }
  truncate = (): void => {};
  flush = (): void => {};
  close = (): void => {};
}

const capacityBytes = 1_000;
const tiles = [100, 300, 500].map((length) => new Uint8Array(length).fill(length % 251));
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The index of the tiles that a browser keeps, and these: whatever it says, no tile is another than it was. */
export async function packTarget(): Promise<Target> {
  const checksum = await startChecksum();
  const [pack, index] = [new BytesFile(new Uint8Array()), new BytesFile(new Uint8Array())];
  const cache = new PackTileCache(pack, index, capacityBytes, checksum);
  for (const tile of tiles) cache.store(hashOf(tile), tile);
  const packed = pack.bytes;
  return {
    seeds: [index.bytes.slice()],
    mutate: mutateBytes,
    read: async (input) => {
      const opened = new PackTileCache(
        new BytesFile(packed.slice()),
        new BytesFile(input.slice()),
        capacityBytes,
        checksum,
      );
      let found = 0;
      for (const tile of tiles) {
        const target = new Uint8Array(tile.length);
        if (!(await opened.load(hashOf(tile), target))) continue;
        found += 1;
        if (Buffer.compare(target, tile) !== 0) throw new Error('a tile came back as another');
      }
      const other = new Uint8Array(200).fill(9);
      opened.store(hashOf(other), other);
      if (!(await opened.load(hashOf(other), new Uint8Array(200)))) throw new Error('a tile is not kept');
      return `${found} found`;
    },
  };
}
