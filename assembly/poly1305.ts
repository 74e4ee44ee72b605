/**
 * Poly1305 (RFC 8439, 2.5) of whole blocks of 16 bytes: a polynomial over them in r, modulo 2^130 - 5. Four words of 32 bits
 * and what is above them, in 64-bit numbers; time depends on the length alone.
 *
 * State: r and s, 16 bytes each, then five 64-bit words of the sum, of which the first may be wider than 32 bits.
 */

const SUM: usize = 32;

/** Takes the one-time key, r and s, and clears the sum. */
@inline
export function beginPoly1305(state: usize, key: usize): void {
  v128.store(state, v128.and(v128.load(key), i32x4(0x0fffffff, 0x0ffffffc, 0x0ffffffc, 0x0ffffffc)));
  v128.store(state, v128.load(key, 16), 16);
  memory.fill(state + SUM, 0, 40);
}

/** Adds blocks. r's clamped bits make r + r / 4 whole, and keep sums of products below 2^64. */
export function poly1305(state: usize, data: usize, bytes: usize): void {
  const r0 = <u64>load<u32>(state), r1 = <u64>load<u32>(state, 4);
  const r2 = <u64>load<u32>(state, 8), r3 = <u64>load<u32>(state, 12);
  // 2^128 is 5/4 modulo 2^130 - 5.
  const q1 = r1 + (r1 >> 2), q2 = r2 + (r2 >> 2), q3 = r3 + (r3 >> 2);
  let h0 = load<u64>(state, SUM), h1 = load<u64>(state, SUM + 8), h2 = load<u64>(state, SUM + 16);
  let h3 = load<u64>(state, SUM + 24), h4 = load<u64>(state, SUM + 32);
  for (const end = data + bytes; data < end; data += 16) {
    h0 += <u64>load<u32>(data);
    h1 += <u64>load<u32>(data, 4);
    h2 += <u64>load<u32>(data, 8);
    h3 += <u64>load<u32>(data, 12);
    h4 += 1;
    const p0 = h0 * r0 + h1 * q3 + h2 * q2 + h3 * q1;
    const p1 = h0 * r1 + h1 * r0 + h2 * q3 + h3 * q2 + h4 * q1 + (p0 >> 32);
    const p2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * q3 + h4 * q2 + (p1 >> 32);
    const p3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * q3 + (p2 >> 32);
    const p4 = h4 * r0 + (p3 >> 32);
    // What is above bit 130 comes back five times.
    h0 = (p0 & 0xffffffff) + (p4 >> 2) * 5;
    h1 = p1 & 0xffffffff;
    h2 = p2 & 0xffffffff;
    h3 = p3 & 0xffffffff;
    h4 = p4 & 3;
  }
  store<u64>(state, h0, SUM);
  store<u64>(state, h1, SUM + 8);
  store<u64>(state, h2, SUM + 16);
  store<u64>(state, h3, SUM + 24);
  store<u64>(state, h4, SUM + 32);
}

/** The sum modulo 2^130 - 5, and s: 16 bytes. */
@inline
export function endPoly1305(state: usize, tag: usize): void {
  let h0 = load<u64>(state, SUM), h1 = load<u64>(state, SUM + 8), h2 = load<u64>(state, SUM + 16);
  let h3 = load<u64>(state, SUM + 24), h4 = load<u64>(state, SUM + 32);
  // The first pass may leave a carry for bit 130, the second has none.
  for (let pass = 0; pass < 2; pass++) {
    h1 += h0 >> 32; h0 &= 0xffffffff;
    h2 += h1 >> 32; h1 &= 0xffffffff;
    h3 += h2 >> 32; h2 &= 0xffffffff;
    h4 += h3 >> 32; h3 &= 0xffffffff;
    h0 += (h4 >> 2) * 5; h4 &= 3;
  }
  // If adding 5 reaches 2^130, the sum was 2^130 - 5 or more, and that without bit 130 is the remainder.
  let carry = (h0 + 5) >> 32;
  carry = (h1 + carry) >> 32;
  carry = (h2 + carry) >> 32;
  carry = (h3 + carry) >> 32;
  h0 += ((h4 + carry) >> 2) * 5;
  carry = storeSum(tag, h0, load<u32>(state, 16));
  carry = storeSum(tag + 4, h1 + carry, load<u32>(state, 20));
  carry = storeSum(tag + 8, h2 + carry, load<u32>(state, 24));
  storeSum(tag + 12, h3 + carry, load<u32>(state, 28));
}

/** Writes 32 bits. @returns what is above them */
@inline
function storeSum(target: usize, sum: u64, word: u32): u64 {
  sum += <u64>word;
  store<u32>(target, <u32>sum);
  return sum >> 32;
}
