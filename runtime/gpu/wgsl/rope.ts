import { binary32 } from './binary32.ts';

/** Invocations of a workgroup, each of which turns a pair. */
export const ropePairs = 64;

/**
 * `rope` of `assembly/rope.ts`, bit for bit: the first 2 · pairs elements of every head turn in place, element i with
 * element i + pairs. Groups: pairs of a head by `ropePairs`, heads, tokens.
 * x: float32 bits, heads of a token one after the other, tokens `stride` words apart; angles: of each token its row of
 * `ropeTable`, which the processor makes (its angles are float64). Uniform: headDim, pairs, stride.
 */
export const rope = /* wgsl */ `
struct Shape {
  headDim: u32,
  pairs: u32,
  stride: u32,
}
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read> angles: array<u32>;
@group(0) @binding(2) var<uniform> shape: Shape;
${binary32}
@compute @workgroup_size(${ropePairs})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= shape.pairs) { return; }
  let at = id.z * shape.stride + id.y * shape.headDim + id.x;
  let row = id.z * 2u * shape.pairs + id.x;
  let a = x[at];
  let b = x[at + shape.pairs];
  let c = angles[row];
  let s = angles[row + shape.pairs];
  x[at] = addF32(multiplyF32(a, c), multiplyF32(b, s) ^ signBit);
  x[at + shape.pairs] = addF32(multiplyF32(a, s), multiplyF32(b, c));
}
`;
