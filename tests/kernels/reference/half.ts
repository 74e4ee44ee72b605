/** IEEE half precision, from its definition. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** All finite halves from 0 up, in order: index is the bit pattern. */
const magnitudes = Float64Array.from({ length: 0x7c00 }, (_, half) => halfToNumber(half));

/** Nearest half, ties to even, finite numbers beyond the largest become the largest. */
export function numberToHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  let low = 0;
  let high = magnitudes.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (magnitudes[middle]! <= magnitude) low = middle;
    else high = middle - 1;
  }
  const above = Math.min(low + 1, magnitudes.length - 1);
  const down = magnitude - magnitudes[low]!;
  const up = magnitudes[above]! - magnitude;
  const takeAbove = up < down || (up === down && (low & 1) === 1);
  return sign | (takeAbove ? above : low);
}
