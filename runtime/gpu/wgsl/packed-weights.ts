import { float32 } from './text.ts';

/** Activation streams hold scale · 2^51, and packed scales lack 2^102: `weightScales` in `assembly/simd.ts`. */
export const streamScale = 2 ** 51;

/** Scales of blocks. */
export const weightScales = /* wgsl */ `
const streamScale = ${float32(streamScale)};

// A packed half as float32 · 2^-102.
fn weightScale(half: u32) -> u32 {
  return ((half & 0x8000u) << 16u) | ((half & 0x7fffu) << 13u);
}
`;

/**
 * What row products share.
 * @param packedDots whether this WGSL has a dot product of four bytes
 */
export const packedWeights = (packedDots: boolean): string => /* wgsl */ `${weightScales}
fn dot4(a: u32, b: u32) -> i32 {
  return ${packedDots ? 'dot4I8Packed(a, b)' : fourProducts};
}

fn unsignedByte(word: u32, byte: u32) -> i32 { return i32((word >> (byte << 3u)) & 0xffu); }
fn signedByte(word: u32, byte: u32) -> i32 { return i32(word << (24u - (byte << 3u))) >> 24u; }
fn lowInt16(word: u32) -> i32 { return i32(word << 16u) >> 16u; }
fn highInt16(word: u32) -> i32 { return i32(word) >> 16u; }

const nibbles = 0x0f0f0f0fu;

// 32 columns of a row, the first 16 in low nibbles, times the 32 activations in 'input' from 'x' on.
fn nibbleDots(q0: u32, q1: u32, q2: u32, q3: u32, x: u32) -> i32 {
  return dot4(q0 & nibbles, input[x]) + dot4(q1 & nibbles, input[x + 1u])
    + dot4(q2 & nibbles, input[x + 2u]) + dot4(q3 & nibbles, input[x + 3u])
    + dot4((q0 >> 4u) & nibbles, input[x + 4u]) + dot4((q1 >> 4u) & nibbles, input[x + 5u])
    + dot4((q2 >> 4u) & nibbles, input[x + 6u]) + dot4((q3 >> 4u) & nibbles, input[x + 7u]);
}
`;

const fourProducts = `(i32(a << 24u) >> 24u) * (i32(b << 24u) >> 24u)
    + (i32(a << 16u) >> 24u) * (i32(b << 16u) >> 24u)
    + (i32(a << 8u) >> 24u) * (i32(b << 8u) >> 24u)
    + (i32(a) >> 24u) * (i32(b) >> 24u)`;
