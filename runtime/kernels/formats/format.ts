import { assert } from '../../error.ts';
import type { QuantTypeName } from '../../quant/format.ts';
import { type ActivationFormat, activationBytes } from '../activations.ts';
import type { MatmulKernel, MatmulPanelKernel } from '../exports.ts';
import { HalfRecoder } from '../half.ts';
import type { Kernels } from '../kernels.ts';
import { Bytes } from './bytes.ts';

/** A matrix is computed in the type in which it is stored: a type that can be read has kernels. */
export type KernelFormatName = QuantTypeName;

/** How a weight format of GGUF is laid out for its kernel, and multiplied. */
export interface KernelFormat {
  readonly name: KernelFormatName;
  /** Columns in a quant block: 1, 32 or 256. A matrix has a whole number of blocks in a row. */
  readonly blockColumns: number;
  /** What `matmul` takes as x. */
  readonly activation: ActivationFormat;
  /** Bytes of a packed matrix; rows are rounded up to a multiple of 8. */
  packedBytes(rows: number, columns: number): number;
  /**
   * source: rows in GGUF's layout, one every `sourceStride` bytes, by default one right after the other; target:
   * packedBytes. Rows of padding are zeros.
   */
  pack(source: Uint8Array, rows: number, columns: number, target: Uint8Array, sourceStride?: number): void;
  /**
   * y[t · yStride + r] = row r · x_t for r < paddedRows, t < count. w: packed; x: `count` tokens in the
   * format `activation`; y: f32; scratch: `matmulScratchBytes(columns)`, of no other thread. Each row is the
   * same, bit for bit, for any count, on any machine and in either build.
   */
  matmul(
    kernels: Kernels,
    w: number,
    x: number,
    y: number,
    paddedRows: number,
    columns: number,
    count: number,
    yStride: number,
    scratch: number,
  ): void;
}

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

/** What is particular to a format. */
export interface FormatLayout {
  readonly name: KernelFormatName;
  readonly blockColumns: number;
  readonly activation: ActivationFormat;
  /** Bytes of one row's block in GGUF. */
  readonly blockBytes: number;
  /** Bytes of 8 rows × one block, packed. */
  readonly groupBlockBytes: number;
  readonly kernel: (kernels: Kernels) => MatmulKernel;
  /** A faster one for several tokens, the same bits. */
  readonly panelKernel: (kernels: Kernels) => MatmulPanelKernel;
  readonly packBlock: PackBlock;
}

const GROUP_ROWS = 8;

/** Most tokens of a panel, and what their number is a multiple of: `assembly/panel.ts`. */
const PANEL_TOKENS = 32;
const PANEL_STEP = 4;

/** Bytes of scratch that `matmul` wants for rows of at most so many columns, in any format. */
export function matmulScratchBytes(columns: number): number {
  const sums = PANEL_TOKENS * 32;
  // The largest record of 32 columns has two bytes for each, a scale and a sum.
  return sums + PANEL_TOKENS * Math.ceil(columns / 32) * 72;
}

export function paddedRowCount(rows: number): number {
  return Math.ceil(rows / GROUP_ROWS) * GROUP_ROWS;
}

function packRows(
  { blockBytes, groupBlockBytes, packBlock }: FormatLayout,
  source: Bytes,
  stride: number,
  rows: number,
  blocksPerRow: number,
  target: Bytes,
): void {
  const halves = new HalfRecoder();
  for (let row = 0; row < rows; row++) {
    const place = row % GROUP_ROWS;
    let from = row * stride;
    let group = ((row - place) / GROUP_ROWS) * blocksPerRow * groupBlockBytes;
    for (let block = 0; block < blocksPerRow; block++) {
      packBlock(source, from, place, target, group, halves);
      from += blockBytes;
      group += groupBlockBytes;
    }
  }
  halves.finish();
}

/** A format from its layout: groups of 8 rows, checks at the door. */
export function defineFormat(layout: FormatLayout): KernelFormat {
  const { name, blockColumns, blockBytes, groupBlockBytes } = layout;
  const blocksIn = (columns: number): number => {
    assert(columns > 0 && columns % blockColumns === 0, 'rows have whole blocks', columns, name);
    return columns / blockColumns;
  };
  const packedBytes = (rows: number, columns: number): number =>
    (paddedRowCount(rows) / GROUP_ROWS) * blocksIn(columns) * groupBlockBytes;
  return {
    name,
    blockColumns,
    activation: layout.activation,
    packedBytes,
    pack(source, rows, columns, target, sourceStride) {
      const blocksPerRow = blocksIn(columns);
      const rowBytes = blocksPerRow * blockBytes;
      const stride = sourceStride ?? rowBytes;
      const groupTargetBytes = blocksPerRow * groupBlockBytes;
      const wholeRows = stride >= rowBytes && source.length >= (rows - 1) * stride + rowBytes;
      assert(wholeRows, 'a source of these rows', rows, name);
      assert(target.length === packedBytes(rows, columns), 'a target of these rows', rows, name);
      // Rows of padding are zeros, and share their group's blocks with others.
      if (rows % GROUP_ROWS > 0) target.fill(0, target.length - groupTargetBytes);
      packRows(layout, new Bytes(source), stride, rows, blocksPerRow, new Bytes(target));
    },
    matmul(kernels, w, x, y, paddedRows, columns, count, yStride, scratch) {
      blocksIn(columns);
      assert(paddedRows % GROUP_ROWS === 0 && yStride >= paddedRows, 'rows of a stride', paddedRows, yStride);
      assert(w % 16 === 0 && x % 16 === 0 && y % 4 === 0 && count >= 0, 'aligned buffers', name);
      assert(scratch > 0 && scratch % 16 === 0, 'aligned scratch', name);
      const xBytes = activationBytes(layout.activation, columns);
      const panel = layout.panelKernel(kernels);
      let done = 0;
      while (count - done >= PANEL_STEP) {
        const rest = count - done;
        const tokens = Math.min(PANEL_TOKENS, rest - (rest % PANEL_STEP));
        panel(w, x + done * xBytes, y + done * yStride * 4, paddedRows, columns, tokens, yStride, scratch);
        done += tokens;
      }
      if (done === count) return;
      const single = layout.kernel(kernels);
      single(w, x + done * xBytes, y + done * yStride * 4, paddedRows, columns, count - done, yStride);
    },
  };
}
