import { assert } from '../../error.ts';
import type { QuantTypeName } from '../../quant/format.ts';
import { type ActivationFormat, activationBytes } from '../activations.ts';
import type { MatmulKernel, MatmulPanelKernel } from '../exports.ts';
import type { Kernels } from '../kernels.ts';

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
  /** source: rows in GGUF's layout one after the other; target: packedBytes. Rows of padding are zeros. */
  pack(source: Uint8Array, rows: number, columns: number, target: Uint8Array): void;
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
  readonly panelKernel?: (kernels: Kernels) => MatmulPanelKernel;
  /**
   * Writes `rows` (1..8) rows of one group into target, from `targetOffset` on: every byte of 8 rows; of fewer
   * those that are not zero, for target is zeros then.
   */
  readonly packGroup: (
    source: Uint8Array,
    sourceOffset: number,
    rows: number,
    blocksPerRow: number,
    target: Uint8Array,
    targetOffset: number,
  ) => void;
}

const GROUP_ROWS = 8;

/** Most tokens of a panel, and what their number is a multiple of: `assembly/panel.ts`. */
const PANEL_TOKENS = 16;
const PANEL_STEP = 4;

/** Bytes of scratch that `matmul` wants for rows of at most so many columns, in any format. */
export function matmulScratchBytes(columns: number): number {
  const sums = PANEL_TOKENS * 32;
  // The largest record of 32 columns, two bytes each, has a scale of 4 bytes.
  return sums + PANEL_TOKENS * Math.ceil(columns / 32) * 68;
}

export function paddedRowCount(rows: number): number {
  return Math.ceil(rows / GROUP_ROWS) * GROUP_ROWS;
}

/** A format from its layout: groups of 8 rows, checks at the door. */
export function defineFormat(layout: FormatLayout): KernelFormat {
  const { name, blockColumns, blockBytes, groupBlockBytes } = layout;
  const blocksIn = (columns: number): number => {
    assert(
      columns > 0 && columns % blockColumns === 0,
      `${name} rows have blocks of ${blockColumns}, not ${columns}`,
    );
    return columns / blockColumns;
  };
  const packedBytes = (rows: number, columns: number): number =>
    (paddedRowCount(rows) / GROUP_ROWS) * blocksIn(columns) * groupBlockBytes;
  return {
    name,
    blockColumns,
    activation: layout.activation,
    packedBytes,
    pack(source, rows, columns, target) {
      const blocksPerRow = blocksIn(columns);
      const groupSourceBytes = GROUP_ROWS * blocksPerRow * blockBytes;
      const groupTargetBytes = blocksPerRow * groupBlockBytes;
      assert(source.length === rows * blocksPerRow * blockBytes, `${name} source of ${rows} × ${columns}`);
      assert(target.length === packedBytes(rows, columns), `${name} target of ${rows} × ${columns}`);
      for (let row = 0, group = 0; row < rows; row += GROUP_ROWS, group++) {
        const groupRows = Math.min(GROUP_ROWS, rows - row);
        const offset = group * groupTargetBytes;
        if (groupRows < GROUP_ROWS) target.fill(0, offset, offset + groupTargetBytes);
        layout.packGroup(source, group * groupSourceBytes, groupRows, blocksPerRow, target, offset);
      }
    },
    matmul(kernels, w, x, y, paddedRows, columns, count, yStride, scratch) {
      blocksIn(columns);
      assert(
        paddedRows % GROUP_ROWS === 0 && yStride >= paddedRows,
        `${name} rows ${paddedRows} of ${yStride}`,
      );
      assert(w % 16 === 0 && x % 16 === 0 && y % 4 === 0 && count >= 0, `${name} aligned buffers`);
      assert(scratch > 0 && scratch % 16 === 0, `${name} aligned scratch`);
      const xBytes = activationBytes(layout.activation, columns);
      const panel = layout.panelKernel?.(kernels);
      let done = 0;
      while (panel && count - done >= PANEL_STEP) {
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
