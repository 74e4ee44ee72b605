import type { FfnActivation } from '../../model/config.ts';
import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { gluTexts } from './glu.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/** Neurons of a workgroup. */
export const neuronsTogether = 64;

/**
 * Neurons of a layer's tiles: activation(gate · x) · (up · x), float32 bits [tokens, tiles, 256]; an invocation computes
 * one neuron of `tokens` tokens. Uniforms: blocks of a row, words between tokens of the input; the call.
 */
export const gatedNeurons = (
  product: RowProduct,
  activation: FfnActivation,
  tokens: number,
  packedDots: boolean,
): string => /* wgsl */ `
struct Shape {
  blocks: u32,
  inputStride: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> tiles: array<TilePlace>;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read_write> neurons: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${call(5)}
${tilePlaces}
${binary32}
${packedWeights(packedDots)}
${gluTexts[activation]}
${product.text(tokens)}
@compute @workgroup_size(${neuronsTogether})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let place = tiles[id.z];
  if (id.x >= place.neurons) { return; }
  let first = id.y * ${tokens}u;
  let x = first * shape.inputStride;
  // One product in the program, run twice: it is long, and compilers copy it to where it is called.
  var gates: array<u32, ${tokens}>;
  var ups: array<u32, ${tokens}>;
  for (var side = 0u; side < 2u; side++) {
    gates = ups;
    ups = ${product.name}(select(place.up, place.gate, side == 0u), id.x, shape.blocks, x, shape.inputStride);
  }
  for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) {
    neurons[((first + t) * groups.z + id.z) * tileNeurons + id.x] = activated(gates[t], ups[t]);
  }
}
`;
