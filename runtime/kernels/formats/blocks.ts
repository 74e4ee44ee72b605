import { HalfRecoder } from '../half.ts';
import { Bytes } from './bytes.ts';
import type { FormatLayout } from './format.ts';

/**
 * Writes one row's block, which stands at `from` of source, into the packed block of its group at `group` of
 * target: every byte that is the row's. `row` is 0..7, its place in the group; halves go through `halves`.
 */
export type PackBlock = (
  source: Bytes,
  from: number,
  row: number,
  target: Bytes,
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
      const from = new Bytes(source);
      const to = new Bytes(target);
      const halves = new HalfRecoder();
      for (let row = 0; row < rows; row++) {
        let at = sourceOffset + row * blocksPerRow * blockBytes;
        let group = targetOffset;
        for (let block = 0; block < blocksPerRow; block++) {
          packBlock(from, at, row, to, group, halves);
          at += blockBytes;
          group += groupBlockBytes;
        }
      }
      halves.finish();
    },
  };
}
