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
  let fours = i32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const values = v128.load(source + (<usize>i << 2));
    fours = v128.or(fours, v128.xor(i32x4.shl(values, 1), i32x4.shr_s(values, 31)));
  }
  let all: u32 = i32x4.extract_lane(fours, 0) | i32x4.extract_lane(fours, 1);
  all |= i32x4.extract_lane(fours, 2) | i32x4.extract_lane(fours, 3);
  for (; i < n; i++) all |= zigzag(load<i32>(source + (<usize>i << 2)));
  return 32 - <i32>clz<u32>(all);
}

/** Up to this width two values and the bits of a byte begun fit into 64 bits. */
const pairWidth = 28;

/** A whole group, a pair at a time. May write up to 8 bytes behind its end, where 32 bits a value have room. */
@inline
function packPairs(source: usize, target: usize, width: i32): usize {
  const end = target + <usize>(width << 2);
  let buffer: u64 = 0;
  let bits: u64 = 0;
  for (let i = 0; i < 16; i++) {
    const pair = <u64>zigzag(load<i32>(source)) | (<u64>zigzag(load<i32>(source, 4)) << <u64>width);
    source += 8;
    buffer |= pair << bits;
    bits += <u64>(width << 1);
    store<u64>(target, buffer);
    target += <usize>(bits >> 3);
    buffer >>= bits & 56;
    bits &= 7;
  }
  return end;
}

@inline
function packSingly(source: usize, target: usize, n: i32, width: i32): usize {
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
  return target;
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
    if (n == 32 && width <= pairWidth) target = packPairs(source, target, width);
    else target = packSingly(source, target, n, width);
    source += <usize>n << 2;
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

/** A whole group, a pair at a time: reads up to 8 bytes behind its end. Returns its end. */
@inline
function unpackPairs(source: usize, target: usize, width: i32, mask: u64): usize {
  let bit: usize = 0;
  for (let i = 0; i < 16; i++) {
    const pair = load<u64>(source + (bit >> 3)) >> <u64>(bit & 7);
    store<i32>(target, unzigzag(<u32>(pair & mask)));
    store<i32>(target, unzigzag(<u32>((pair >> <u64>width) & mask)), 4);
    target += 8;
    bit += <usize>(width << 1);
  }
  return source + <usize>(width << 2);
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
    const present = sourceEnd - source;
    if (<usize>((n * width + 7) >> 3) > present) return -1;
    const mask = (<u64>1 << <u64>width) - 1;
    if (n == 32 && width <= pairWidth && <usize>(width << 2) + 8 <= present)
      source = unpackPairs(source, target, width, mask);
    else source = unpackGroup(source, target, n, width, mask);
    if (source == 0) return -1;
    target += <usize>n << 2;
  }
  return <i32>(source - start);
}
