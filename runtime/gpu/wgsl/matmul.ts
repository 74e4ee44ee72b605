import { binary32 } from './binary32.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/** Rows of a workgroup. */
export const matmulRows = 64;

/**
 * output[t × outputStride + row] = matrix · input[t], float32 bits; an invocation computes one row of `tokens` tokens.
 * Uniform: rows, blocks of a row, tokens, words between tokens of input and of output.
 */
export const matmul = (product: RowProduct, tokens: number, packedDots: boolean): string => /* wgsl */ `
struct Shape {
  rows: u32,
  blocks: u32,
  tokens: u32,
  inputStride: u32,
  outputStride: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;
@group(0) @binding(3) var<uniform> shape: Shape;
${binary32}
${packedWeights(packedDots)}
${product.text(tokens)}
@compute @workgroup_size(${matmulRows})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.y * ${tokens}u;
  if (id.x >= shape.rows) { return; }
  var sums = ${product.name}(0u, id.x, shape.blocks, first * shape.inputStride, shape.inputStride);
  for (var t = 0u; t < ${tokens}u && first + t < shape.tokens; t++) {
    output[(first + t) * shape.outputStride + id.x] = sums[t];
  }
}
`;
