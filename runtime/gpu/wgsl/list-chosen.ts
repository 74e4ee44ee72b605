import type { FfnActivation } from '../../model/config.ts';
import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { gluTexts } from './glu.ts';
import { listNeurons, neuronLists } from './neuron-lists.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/**
 * Gates of all neurons of a layer's tiles, and lists of those that are to be computed. An invocation computes one gate of
 * `tokens` tokens, a workgroup makes one list of each token. Groups: lists of a tile, tokens by `tokens`, tiles. Uniforms:
 * blocks of a row, words between tokens of the input, the layer's cut (float32); the call.
 */
export const listChosen = (
  product: RowProduct,
  activation: FfnActivation,
  tokens: number,
  packedDots: boolean,
): string => /* wgsl */ `
struct Shape {
  blocks: u32,
  inputStride: u32,
  cut: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> tiles: array<TilePlace>;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read_write> lists: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${call(5)}
${tilePlaces}
${neuronLists}
${binary32}
${packedWeights(packedDots)}
${gluTexts[activation]}
${product.text(tokens)}
var<workgroup> lengths: array<atomic<u32>, ${tokens}>;

@compute @workgroup_size(${listNeurons})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let place = tiles[group.z];
  let neuron = group.x * listNeurons + index;
  let first = group.y * ${tokens}u;
  if (neuron < place.neurons) {
    var gates = ${product.name}(place.gate, neuron, shape.blocks, first * shape.inputStride, shape.inputStride);
    for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) {
      if (!isChosen(gates[t], shape.cut)) { continue; }
      let list = listOf(first + t, group.z, groups.z, group.x);
      let i = atomicAdd(&lengths[t], 1u);
      lists[neuronAt(list, i)] = neuron;
      lists[valueAt(list, i)] = gates[t];
    }
  }
  workgroupBarrier();
  if (index < ${tokens}u && first + index < call.tokens) {
    lists[listOf(first + index, group.z, groups.z, group.x)] = atomicLoad(&lengths[index]);
  }
}
`;
