import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/** Rows of a workgroup. */
export const projectedRows = 64;

/** What `project` computes of a tile: where its matrix and its bias (0: it has none) begin, in words, and its first column of the output. */
export interface ProjectionPlace {
  readonly weights: number;
  readonly rows: number;
  readonly bias?: number;
  readonly column: number;
}

/** The words of a `Place`. */
export function projectionPlace({ weights, rows, bias = 0, column }: ProjectionPlace): number[] {
  return [weights, rows, bias, column];
}

/**
 * Queries, keys or values of a layer's tiles, with `addBias` of `assembly/bias.ts`: matrix · input + bias, float32 bits; an
 * invocation computes one row of a tile, for `tokens` tokens. Groups: rows by `projectedRows`, tokens by `tokens`, tiles.
 * places: of each tile where its matrix begins among the weights, its rows, where its bias begins (0: it has none), and its
 * first column of the output. Uniforms: blocks of a row, words between tokens of input and of output; the call.
 */
export const project = (product: RowProduct, tokens: number, packedDots: boolean): string => /* wgsl */ `
struct Place {
  weights: u32,
  rows: u32,
  bias: u32,
  column: u32,
}
struct Shape {
  blocks: u32,
  inputStride: u32,
  outputStride: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<Place>;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${call(5)}
${binary32}
${packedWeights(packedDots)}
${product.text(tokens)}
@compute @workgroup_size(${projectedRows})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let place = places[id.z];
  if (id.x >= place.rows) { return; }
  let first = id.y * ${tokens}u;
  let x = first * shape.inputStride;
  var sums = ${product.name}(place.weights, id.x, shape.blocks, x, shape.inputStride);
  for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) {
    var value = sums[t];
    if (place.bias != 0u) { value = addF32(value, weights[place.bias + id.x]); }
    output[(first + t) * shape.outputStride + place.column + id.x] = value;
  }
}
`;
