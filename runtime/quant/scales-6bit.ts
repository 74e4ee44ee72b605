/**
 * The 12 bytes that hold eight 6-bit scales and eight 6-bit mins of Q4_K and Q5_K (ggml-quants.c,
 * get_scale_min_k4). Groups 0..3 have a whole byte each, the scale in bytes 0..3 and the min in 4..7; groups 4..7
 * have both low nibbles in bytes 8..11 and the two high bits on top of the bytes of groups 0..3.
 */

/** @returns 0..63 */
export function readScale(bytes: Uint8Array, offset: number, group: number): number {
  const at = offset + group;
  return group < 4 ? bytes[at]! & 63 : (bytes[at + 4]! & 15) | ((bytes[at - 4]! >> 6) << 4);
}

/** @returns 0..63 */
export function readMin(bytes: Uint8Array, offset: number, group: number): number {
  const at = offset + group;
  return group < 4 ? bytes[at + 4]! & 63 : (bytes[at + 4]! >> 4) | ((bytes[at]! >> 6) << 4);
}

/** @param scales eight values 0..63; `mins` too */
export function writeScalesAndMins(
  bytes: Uint8Array,
  offset: number,
  scales: Uint8Array,
  mins: Uint8Array,
): void {
  for (let group = 0; group < 4; group++) {
    const scale = scales[group + 4]!;
    const min = mins[group + 4]!;
    bytes[offset + group] = scales[group]! | ((scale >> 4) << 6);
    bytes[offset + group + 4] = mins[group]! | ((min >> 4) << 6);
    bytes[offset + group + 8] = (scale & 15) | ((min & 15) << 4);
  }
}
