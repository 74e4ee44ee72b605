import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/** Rows of a workgroup. */
export const downRows = 64;

/**
 * Adds each tile's product with its neurons to the fixed-point sums of all: `addPartial` of `assembly/fixed-point.ts`,
 * by atomic additions, since the order of integers does not matter. An invocation computes one row of a tile, for
 * `tokens` tokens. Input: [tokens, tiles] × `tileWords`. Sums: a word of the call's number and two bits of flags, fine
 * [tokens, rows], coarse likewise. Uniforms: rows, words of a tile's input, the most that a value may be; the call.
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
const beyondInt32 = 0x4f000000u; // 2^31

// To the nearest integer, ties to even, of a magnitude below 2^31.
fn nearestInteger(magnitude: u32) -> u32 {
  let exponent = magnitude >> 23u;
  if (exponent < 126u) { return 0u; }
  let significand = (magnitude & fractionBits) | hiddenBit;
  if (exponent >= 150u) { return significand << (exponent - 150u); }
  let by = 150u - exponent;
  let whole = significand >> by;
  let rest = significand & ((1u << by) - 1u);
  return whole + u32(rest + (whole & 1u) > (1u << (by - 1u)));
}

// Whether the value, in this unit, went to the sum at this place.
fn added(value: u32, scale: u32, at: u32) -> bool {
  let scaled = multiplyF32(value, scale);
  let magnitude = scaled & ~signBit;
  if (magnitude >= beyondInt32) { return false; }
  let whole = nearestInteger(magnitude);
  if (whole > shape.bound) { return false; }
  atomicAdd(&sums[at], select(whole, 0u - whole, scaled >= signBit));
  return true;
}

fn addPartial(value: u32, token: u32, row: u32) {
  var at = 1u + token * shape.rows + row;
  for (var plane = 0u; plane < 2u; plane++) {
    if (added(value, scales[4u * token + 2u * plane], at)) {
      if (plane == 1u) { atomicOr(&sums[0], 1u); }
      return;
    }
    at += call.tokens * shape.rows;
  }
  atomicOr(&sums[0], 2u);
}

@compute @workgroup_size(${downRows})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  if (all(id == vec3u(0))) { atomicOr(&sums[0], call.serial << 2u); }
  if (id.x >= shape.rows) { return; }
  let place = tiles[id.z];
  let first = id.y * ${tokens}u;
  let stride = groups.z * shape.tileWords;
  let x = first * stride + id.z * shape.tileWords;
  var products = ${product.name}(place.down, id.x, place.neurons / ${product.blockColumns}u, x, stride);
  for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) { addPartial(products[t], first + t, id.x); }
}
`;
