/** 1.5 × 2^52: an f64 of this size has no bits for a fraction, so adding it rounds in hardware, ties to even. */
export const ROUND_TO_INTEGER = 0x18000000000000;

/** The integer nearest to `value`, ties to even, kept within `[low, high]`. Not a number gives `low`. */
export function roundTo(value: number, low: number, high: number): number {
  if (!(value > low)) return low;
  if (value >= high) return high;
  return value + ROUND_TO_INTEGER - ROUND_TO_INTEGER;
}

/** f32 reciprocal with 0 for 0, so that a block of zeros encodes to zeros. */
export function reciprocal(scale: number): number {
  return scale === 0 ? 0 : Math.fround(1 / scale);
}

/**
 * The quant of one element as the reference encoders compute it, each operation rounded to f32:
 * `min(highest, trunc(value * inverseScale + bias))`, where a bias of n + 0.5 rounds to nearest around level n.
 */
export function quantOf(value: number, inverseScale: number, bias: number, highest: number): number {
  return Math.min(highest, Math.trunc(Math.fround(Math.fround(value * inverseScale) + bias)));
}

/** The element of largest magnitude, with its sign; the first of equals. */
export function peakOf(elements: Float32Array, start: number, count: number): number {
  let peak = 0;
  for (let i = start; i < start + count; i++) {
    if (Math.abs(elements[i]!) > Math.abs(peak)) peak = elements[i]!;
  }
  return peak;
}

/** The smallest and the largest element. */
export function rangeOf(elements: Float32Array, start: number, count: number): { low: number; high: number } {
  let low = elements[start]!;
  let high = low;
  for (let i = start + 1; i < start + count; i++) {
    low = Math.min(low, elements[i]!);
    high = Math.max(high, elements[i]!);
  }
  return { low, high };
}
