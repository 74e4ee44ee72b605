import { HalfRecoder } from '../half.ts';
import type { FormatLayout } from './format.ts';

/**
 * Writes one row's block, which stands at `from` of source, into the packed block of its group at `group` of
 * target: every byte that is the row's. `row` is 0..7, its place in the group; halves go through `halves`.
 */
export type PackBlock = (
  source: Uint8Array,
  from: number,
  row: number,
  target: Uint8Array,
  group: number,
  halves: HalfRecoder,
) => void;

/** `packGroup` of a format whose blocks are packed one by one. */
export function packingBlocks(
  blockBytes: number,
  groupBlockBytes: number,
  packBlock: PackBlock,
): Pick<FormatLayout, 'blockBytes' | 'groupBlockBytes' | 'packGroup'> {
  return {
    blockBytes,
    groupBlockBytes,
    packGroup(source, sourceOffset, rows, blocksPerRow, target, targetOffset) {
      const halves = new HalfRecoder();
      for (let row = 0; row < rows; row++) {
        const from = sourceOffset + row * blocksPerRow * blockBytes;
        for (let block = 0; block < blocksPerRow; block++) {
          const group = targetOffset + block * groupBlockBytes;
          packBlock(source, from + block * blockBytes, row, target, group, halves);
        }
      }
      halves.finish();
    },
  };
}
