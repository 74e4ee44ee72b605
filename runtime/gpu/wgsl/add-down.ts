import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { fixedPoint } from './fixed-point.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/** Rows of a workgroup. */
export const downRows = 64;

/**
 * Adds each tile's product with its neurons to the fixed-point sums of all, see `fixedPoint`. An invocation computes one row
 * of a tile, for `tokens` tokens. Input: [tokens, tiles] × `tileWords`. Uniforms: rows, words of a tile's input, the most that
 * a value may be; the call.
 */
export const addDown = (product: RowProduct, tokens: number, packedDots: boolean): string => /* wgsl */ `
struct Shape {
  rows: u32,
  tileWords: u32,
  bound: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> tiles: array<TilePlace>;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> shape: Shape;
${call(6)}
${tilePlaces}
${binary32}
${packedWeights(packedDots)}
${product.text(tokens)}
${fixedPoint}
@compute @workgroup_size(${downRows})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  if (all(id == vec3u(0))) { signSums(); }
  if (id.x >= shape.rows) { return; }
  let place = tiles[id.z];
  let first = id.y * ${tokens}u;
  let stride = groups.z * shape.tileWords;
  let x = first * stride + id.z * shape.tileWords;
  var products = ${product.name}(place.down, id.x, place.neurons / ${product.blockColumns}u, x, stride);
  for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) { addPartial(products[t], first + t, id.x); }
}
`;
