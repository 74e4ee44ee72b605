import { maxPackedBytes, packGroupValues } from '../runtime/collective/plane-codec.ts';

/**
 * Packs sums that are shown now and then, in whole bytes a value: whoever computes alone has no memory in which the
 * kernels could pack them small.
 */
export const widePacking = {
  pack(values: Int32Array): Uint8Array {
    const bytes = new Uint8Array(maxPackedBytes(values.length));
    let offset = 0;
    for (let first = 0; first < values.length; first += packGroupValues) {
      const group = values.subarray(first, first + packGroupValues);
      const valueBytes = widthOf(group);
      bytes[offset] = 8 * valueBytes;
      offset += 1;
      for (const value of group) {
        const coded = zigzag(value);
        for (let i = 0; i < valueBytes; i += 1) bytes[offset + i] = coded >>> (8 * i);
        offset += valueBytes;
      }
    }
    return bytes.subarray(0, offset);
  },
};

/** Bytes of the widest value. */
function widthOf(group: Int32Array): number {
  let all = 0;
  for (const value of group) all |= zigzag(value);
  return Math.ceil((32 - Math.clz32(all)) / 8);
}

function zigzag(value: number): number {
  return (value << 1) ^ (value >> 31);
}
