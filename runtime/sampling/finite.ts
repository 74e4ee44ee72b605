/** Whether no value is NaN or ±∞. */
export function isFinite32(values: Float32Array): boolean {
  return firstNotFinite(values) === undefined;
}

/** Index of the first value that is NaN or ±∞; undefined if there is none. */
export function firstNotFinite(values: Float32Array): number | undefined {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let index = 0;
  // An exponent of ones. (As a loop this is several times faster than with `findIndex`.)
  while (index < bits.length && (bits[index]! & 0x7f800000) !== 0x7f800000) index++;
  return index === bits.length ? undefined : index;
}
