import { assert } from '../error.ts';
import { quantFormatNamed } from '../quant/registry.ts';
import type { AddRowsKernel, DotRowsKernel, GroupRowsKernel } from './exports.ts';
import { Bytes } from './formats/bytes.ts';
import type { KernelFormatName } from './formats/format.ts';
import { HalfRecoder } from './half.ts';
import type { Kernels } from './kernels.ts';

/** How a weight type is laid out row by row, and computed for the rows of a list alone: `assembly/rows.ts`. */
export interface RowFormat {
  /** Bytes of a row. */
  rowBytes(columns: number): number;
  /** source: rows in GGUF's layout, one every `sourceStride` bytes; target: rows, one every `targetStride` bytes. */
  pack(
    source: Uint8Array,
    rows: number,
    columns: number,
    target: Uint8Array,
    sourceStride: number,
    targetStride: number,
  ): void;
  readonly dotRows: (kernels: Kernels) => DotRowsKernel;
  readonly addRows: (kernels: Kernels) => AddRowsKernel;
  /** To the layout of `kernelFormats`. */
  readonly groupRows: (kernels: Kernels) => GroupRowsKernel;
}

/** Bytes of scratch that `addRows` wants. */
export function addRowsScratchBytes(columns: number): number {
  return 48 * Math.ceil(columns / 128);
}

/** Both have blocks of 32: an f16 scale, then quants. */
function rowFormat(
  name: 'Q4_0' | 'Q8_0',
  kernels: Pick<RowFormat, 'dotRows' | 'addRows' | 'groupRows'>,
): RowFormat {
  const { blockSize, blockBytes } = quantFormatNamed(name);
  const quantBytes = blockBytes - 2;
  const rowBytes = (columns: number): number => {
    assert(columns > 0 && columns % blockSize === 0, 'rows have whole blocks', columns, name);
    const blocks = columns / blockSize;
    return blocks * quantBytes + 8 * Math.ceil(blocks / 4);
  };
  return {
    ...kernels,
    rowBytes,
    pack(source, rows, columns, target, sourceStride, targetStride) {
      const blocks = columns / blockSize;
      const packedBytes = rowBytes(columns);
      assert(target.length >= (rows - 1) * targetStride + packedBytes, 'a target of these rows', rows, name);
      const [from, to] = [new Bytes(source), new Bytes(target)];
      const halves = new HalfRecoder();
      for (let row = 0; row < rows; row += 1) {
        const [first, quants] = [row * sourceStride, row * targetStride];
        const scales = quants + blocks * quantBytes;
        target.fill(0, scales, quants + packedBytes);
        for (let block = 0; block < blocks; block += 1) {
          const at = first + block * blockBytes;
          halves.move(from, at, to, scales + 2 * block);
          target.set(source.subarray(at + 2, at + blockBytes), quants + block * quantBytes);
        }
      }
      halves.finish();
    },
  };
}

/** Types whose neurons can be skipped: a new one is three kernels and a line here. */
export const rowFormats: Partial<Record<KernelFormatName, RowFormat>> = {
  Q4_0: rowFormat('Q4_0', {
    dotRows: (kernels) => kernels.dotRowsQ4_0,
    addRows: (kernels) => kernels.addRowsQ4_0,
    groupRows: (kernels) => kernels.groupRowsQ4_0,
  }),
  Q8_0: rowFormat('Q8_0', {
    dotRows: (kernels) => kernels.dotRowsQ8_0,
    addRows: (kernels) => kernels.addRowsQ8_0,
    groupRows: (kernels) => kernels.groupRowsQ8_0,
  }),
};

export function rowFormatOf(name: KernelFormatName | 'vector'): RowFormat {
  const format = name === 'vector' ? undefined : rowFormats[name];
  assert(format !== undefined, 'a type that is laid out row by row', name);
  return format;
}
