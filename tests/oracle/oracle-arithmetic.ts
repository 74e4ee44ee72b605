import type { OracleTensor } from './oracle-model.ts';

type Rows = Float64Array[];

/** How the float64 forward multiplies: where the runtime rounds on purpose, this can round the same way. */
export interface OracleArithmetic {
  /** Columns of one block of activations for a weight type; tiles hold whole blocks. */
  blockColumns(type: string): number;
  /** w [rows, columns] by each x [columns] → [tokens, rows]. */
  product(w: OracleTensor, x: Rows): Rows;
  /** residual + w · x, where each tile of `tileColumns` columns brings a partial sum. */
  addProduct(residual: Rows, w: OracleTensor, x: Rows, tileColumns: number): Rows;
}

export interface Roundings {
  /** Inputs of quantised matrices are int8 with a scale per block. */
  readonly int8Activations?: boolean;
  /** Each tile's partial sums are whole multiples of 2^−16 of the residual's RMS (as a power of two). */
  readonly fixedPointSums?: boolean;
}

export const exactArithmetic = roundedArithmetic({});

export function roundedArithmetic({ int8Activations, fixedPointSums }: Roundings): OracleArithmetic {
  const prepare = (w: OracleTensor, x: Float64Array) =>
    int8Activations && !floatTypes.has(w.type) ? roundToInt8(x, blockColumns(w.type)) : x;
  return {
    blockColumns,
    product: (w, rows) => rows.map((x) => multiply(w, prepare(w, x), 0, x.length)),
    addProduct: (residual, w, rows, tileColumns) =>
      rows.map((row, token) => {
        const x = prepare(w, row);
        const base = residual[token]!;
        const unit = fixedPointSums ? fixedPointUnit(base) : 0;
        const sum = base.slice();
        for (let from = 0; from < x.length; from += tileColumns) {
          const partial = multiply(w, x, from, Math.min(from + tileColumns, x.length));
          partial.forEach((value, i) => {
            sum[i]! += unit > 0 ? roundHalfEven(value / unit) * unit : value;
          });
        }
        return sum;
      }),
  };
}

const floatTypes: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16']);
/** K-quants with kernels of their own; the kernels compute every other quantised type in blocks of 32. */
const superblockTypes: ReadonlySet<string> = new Set(['Q4_K', 'Q6_K']);

function blockColumns(type: string): number {
  if (floatTypes.has(type)) return 1;
  return superblockTypes.has(type) ? 256 : 32;
}

/** Columns [from, to) of w by x. */
function multiply({ shape, values }: OracleTensor, x: Float64Array, from: number, to: number): Float64Array {
  const [rows, columns] = shape as [number, number];
  const y = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    let sum = 0;
    for (let column = from; column < to; column += 1) sum += values[row * columns + column]! * x[column]!;
    y[row] = sum;
  }
  return y;
}

/** The nearest multiples of absmax / 127 within each block. */
function roundToInt8(x: Float64Array, block: number): Float64Array {
  const rounded = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += block) {
    const values = x.subarray(from, from + block);
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    if (scale > 0)
      rounded.set(
        values.map((value) => roundHalfEven(value / scale) * scale),
        from,
      );
  }
  return rounded;
}

function fixedPointUnit(residual: Float64Array): number {
  const meanSquare = residual.reduce((sum, value) => sum + value * value, 0) / residual.length;
  return 2 ** (Math.floor(Math.log2(Math.sqrt(meanSquare))) - 16);
}

function roundHalfEven(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value - Math.trunc(value)) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
