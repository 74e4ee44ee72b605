/** Nearest integer, ties to even. */
export function roundToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

export interface QuantizedBlock {
  readonly scale: number;
  readonly quants: Int8Array;
}

/**
 * int8 with scale absmax / 127, in float32 steps like the kernel: the scalar twin of quantizeQ8 and
 * quantizeQ8K.
 */
export function quantizeBlock(x: Float32Array): QuantizedBlock {
  const absmax = x.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  if (absmax < 2 ** -64) return { scale: 0, quants: new Int8Array(x.length) };
  const inverse = Math.fround(127 / absmax);
  return {
    scale: Math.fround(absmax / 127),
    quants: Int8Array.from(x, (value) => roundToEven(Math.fround(value * inverse))),
  };
}

/** What is left of x after quantisation in blocks of `columns`. */
export function throughInt8(x: Float32Array, columns: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += columns) {
    const { scale, quants } = quantizeBlock(x.subarray(first, first + columns));
    quants.forEach((quant, i) => {
      out[first + i] = scale * quant;
    });
  }
  return out;
}
