/**
 * ChaCha20 (RFC 8439, 2.3): four blocks of 64 bytes at a time, each in a lane of 16 vectors. Only additions, rotations and
 * XORs, and nothing is looked up: the time that it takes depends neither on the key nor on what is encrypted.
 *
 * State: 16 words: four constants, 8 of the key, the number of the next block, 3 of the nonce.
 */

/** Bytes that are taken at a time. */
export const GROUP_BYTES: usize = 256;
const COUNTER: usize = 48;

/** Writes the constants, "expand 32-byte k", and that block 0 is next. */
@inline
export function beginChacha20(state: usize): void {
  v128.store(state, i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574));
  store<u32>(state, 0, COUNTER);
}

/** x XOR y, its bits moved to the left in circles. */
@inline
function turn(x: v128, y: v128, bits: i32): v128 {
  x = v128.xor(x, y);
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** Adds the state to four words of each block, and XORs 16 bytes of each. */
@inline
function xorWords(data: usize, state: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  x0 = i32x4.add(x0, v128.load32_splat(state));
  x1 = i32x4.add(x1, v128.load32_splat(state, 4));
  x2 = i32x4.add(x2, v128.load32_splat(state, 8));
  x3 = i32x4.add(x3, v128.load32_splat(state, 12));
  const low01 = v128.shuffle<u32>(x0, x1, 0, 4, 1, 5);
  const low23 = v128.shuffle<u32>(x2, x3, 0, 4, 1, 5);
  const high01 = v128.shuffle<u32>(x0, x1, 2, 6, 3, 7);
  const high23 = v128.shuffle<u32>(x2, x3, 2, 6, 3, 7);
  v128.store(data, v128.xor(v128.load(data), v128.shuffle<u64>(low01, low23, 0, 2)));
  v128.store(data, v128.xor(v128.load(data, 64), v128.shuffle<u64>(low01, low23, 1, 3)), 64);
  v128.store(data, v128.xor(v128.load(data, 128), v128.shuffle<u64>(high01, high23, 0, 2)), 128);
  v128.store(data, v128.xor(v128.load(data, 192), v128.shuffle<u64>(high01, high23, 1, 3)), 192);
}

/** XORs the key stream to bytes, in whole groups: what lies behind the last one is overwritten. */
export function chacha20(state: usize, data: usize, bytes: usize): void {
  for (const end = data + bytes; data < end; data += GROUP_BYTES) {
    const counters = i32x4.add(v128.load32_splat(state, COUNTER), i32x4(0, 1, 2, 3));
    let a0 = v128.load32_splat(state), a1 = v128.load32_splat(state, 4);
    let a2 = v128.load32_splat(state, 8), a3 = v128.load32_splat(state, 12);
    let b0 = v128.load32_splat(state, 16), b1 = v128.load32_splat(state, 20);
    let b2 = v128.load32_splat(state, 24), b3 = v128.load32_splat(state, 28);
    let c0 = v128.load32_splat(state, 32), c1 = v128.load32_splat(state, 36);
    let c2 = v128.load32_splat(state, 40), c3 = v128.load32_splat(state, 44);
    let d0 = counters, d1 = v128.load32_splat(state, 52);
    let d2 = v128.load32_splat(state, 56), d3 = v128.load32_splat(state, 60);
    for (let i = 0; i < 10; i++) {
      // Columns
      a0 = i32x4.add(a0, b0); a1 = i32x4.add(a1, b1); a2 = i32x4.add(a2, b2); a3 = i32x4.add(a3, b3);
      d0 = turn(d0, a0, 16); d1 = turn(d1, a1, 16); d2 = turn(d2, a2, 16); d3 = turn(d3, a3, 16);
      c0 = i32x4.add(c0, d0); c1 = i32x4.add(c1, d1); c2 = i32x4.add(c2, d2); c3 = i32x4.add(c3, d3);
      b0 = turn(b0, c0, 12); b1 = turn(b1, c1, 12); b2 = turn(b2, c2, 12); b3 = turn(b3, c3, 12);
      a0 = i32x4.add(a0, b0); a1 = i32x4.add(a1, b1); a2 = i32x4.add(a2, b2); a3 = i32x4.add(a3, b3);
      d0 = turn(d0, a0, 8); d1 = turn(d1, a1, 8); d2 = turn(d2, a2, 8); d3 = turn(d3, a3, 8);
      c0 = i32x4.add(c0, d0); c1 = i32x4.add(c1, d1); c2 = i32x4.add(c2, d2); c3 = i32x4.add(c3, d3);
      b0 = turn(b0, c0, 7); b1 = turn(b1, c1, 7); b2 = turn(b2, c2, 7); b3 = turn(b3, c3, 7);
      // Diagonals
      a0 = i32x4.add(a0, b1); a1 = i32x4.add(a1, b2); a2 = i32x4.add(a2, b3); a3 = i32x4.add(a3, b0);
      d3 = turn(d3, a0, 16); d0 = turn(d0, a1, 16); d1 = turn(d1, a2, 16); d2 = turn(d2, a3, 16);
      c2 = i32x4.add(c2, d3); c3 = i32x4.add(c3, d0); c0 = i32x4.add(c0, d1); c1 = i32x4.add(c1, d2);
      b1 = turn(b1, c2, 12); b2 = turn(b2, c3, 12); b3 = turn(b3, c0, 12); b0 = turn(b0, c1, 12);
      a0 = i32x4.add(a0, b1); a1 = i32x4.add(a1, b2); a2 = i32x4.add(a2, b3); a3 = i32x4.add(a3, b0);
      d3 = turn(d3, a0, 8); d0 = turn(d0, a1, 8); d1 = turn(d1, a2, 8); d2 = turn(d2, a3, 8);
      c2 = i32x4.add(c2, d3); c3 = i32x4.add(c3, d0); c0 = i32x4.add(c0, d1); c1 = i32x4.add(c1, d2);
      b1 = turn(b1, c2, 7); b2 = turn(b2, c3, 7); b3 = turn(b3, c0, 7); b0 = turn(b0, c1, 7);
    }
    xorWords(data, state, a0, a1, a2, a3);
    xorWords(data + 16, state + 16, b0, b1, b2, b3);
    xorWords(data + 32, state + 32, c0, c1, c2, c3);
    // The state has block 0's counter; the others' is what they began with.
    xorWords(data + 48, state + COUNTER, i32x4.add(d0, i32x4(0, 1, 2, 3)), d1, d2, d3);
    store<u32>(state, load<u32>(state, COUNTER) + 4, COUNTER);
  }
}
