/**
 * Lossless packing of i32 for the wire: small numbers take fewer bytes.
 *
 * Groups of 32 values (the last one may be shorter): one byte w in 0..32, then the values, zigzag-coded
 * (0, −1, 1, −2 … → 0, 1, 2, 3 …), w bits each, least significant bits first: 4 · w bytes for a whole group,
 * ceil(n · w / 8) for n values, unused bits zero. w is the width of the largest value.
 */

@inline
function zigzag(value: i32): u32 {
  return <u32>((value << 1) ^ (value >> 31));
}

@inline
function unzigzag(code: u32): i32 {
  return <i32>((code >> 1) ^ (0 - (code & 1)));
}

/** Bits that the widest of n values takes. */
@inline
function widthOf(source: usize, n: i32): i32 {
  let all: u32 = 0;
  for (let i = 0; i < n; i++) all |= zigzag(load<i32>(source + (<usize>i << 2)));
  return 32 - <i32>clz<u32>(all);
}

/**
 * source: i32 [length]. target: at least 4 · length + ceil(length / 32) bytes. Returns the bytes written.
 */
export function packInt32(source: usize, target: usize, length: i32): i32 {
  const start = target;
  for (let first = 0; first < length; first += 32) {
    const n = min(32, length - first);
    const width = widthOf(source, n);
    store<u8>(target++, <u8>width);
    let buffer: u64 = 0;
    let bits = 0;
    for (let i = 0; i < n; i++) {
      buffer |= <u64>zigzag(load<i32>(source)) << <u64>bits;
      bits += width;
      source += 4;
      if (bits >= 32) {
        store<u32>(target, <u32>buffer);
        target += 4;
        buffer >>= 32;
        bits -= 32;
      }
    }
    for (; bits > 0; bits -= 8) {
      store<u8>(target++, <u8>buffer);
      buffer >>= 8;
    }
  }
  return <i32>(target - start);
}

/**
 * One group of n values; the caller has checked that its ceil(n · width / 8) bytes are there. Returns their
 * end.
 */
@inline
function unpackGroup(source: usize, target: usize, n: i32, width: i32, mask: u64): usize {
  const end = source + <usize>((n * width + 7) >> 3);
  let buffer: u64 = 0;
  let bits = 0;
  for (let i = 0; i < n; i++) {
    while (bits < width) {
      if (source + 4 <= end) {
        buffer |= <u64>load<u32>(source) << <u64>bits;
        source += 4;
        bits += 32;
      } else {
        buffer |= <u64>load<u8>(source++) << <u64>bits;
        bits += 8;
      }
    }
    store<i32>(target, unzigzag(<u32>(buffer & mask)));
    target += 4;
    buffer >>= <u64>width;
    bits -= width;
  }
  return buffer == 0 ? end : 0;
}

/**
 * The inverse of `packInt32`, safe for bytes from anywhere: reads only within sourceBytes, writes at most
 * `length` values at target. Returns the bytes consumed, or −1 if a width is above 32, the bytes end too
 * early or a group's unused bits are not zero; target then holds some of the values.
 */
export function unpackInt32(source: usize, sourceBytes: i32, target: usize, length: i32): i32 {
  const start = source;
  const sourceEnd = source + <usize>sourceBytes;
  for (let first = 0; first < length; first += 32) {
    const n = min(32, length - first);
    if (source >= sourceEnd) return -1;
    const width = <i32>load<u8>(source++);
    if (width > 32) return -1;
    if (<usize>((n * width + 7) >> 3) > sourceEnd - source) return -1;
    source = unpackGroup(source, target, n, width, (<u64>1 << <u64>width) - 1);
    if (source == 0) return -1;
    target += <usize>n << 2;
  }
  return <i32>(source - start);
}
