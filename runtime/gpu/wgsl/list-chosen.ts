import type { FfnActivation } from '../../model/config.ts';
import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { gluTexts } from './glu.ts';
import { listNeurons, neuronLists } from './neuron-lists.ts';
import { packedWeights } from './packed-weights.ts';
import type { RowProduct } from './row-product.ts';

/**
 * Gates of all neurons of a layer's tiles, and lists of those that are to be computed, with their gates: `GatedNeurons`. The
 * layer's limit is its cut.
 */
export const listGated = (
  gate: RowProduct,
  activation: FfnActivation,
  tokens: number,
  packedDots: boolean,
): string => listChosen(gate, tokens, packedDots, `${gluTexts[activation]}\n${byGate}`);

/** Scores of all neurons, from what `predictorInput` has made of the input, and lists: `PredictedNeurons`. The limit is the threshold. */
export const listPredicted = (output: RowProduct, tokens: number, packedDots: boolean): string =>
  listChosen(output, tokens, packedDots, byScore);

const byGate = /* wgsl */ `
fn matrixOf(place: TilePlace) -> u32 { return place.gate; }
fn isListed(place: TilePlace, neuron: u32, gate: u32) -> bool { return isChosen(gate, shape.limit); }`;

const byScore = /* wgsl */ `
fn matrixOf(place: TilePlace) -> u32 { return place.scores; }
fn isListed(place: TilePlace, neuron: u32, product: u32) -> bool {
  return !isLessF32(addF32(product, weights[place.bias + neuron]), shape.limit);
}`;

/**
 * An invocation computes one row of `tokens` tokens, a workgroup makes one list of each token. Groups: lists of a tile, tokens
 * by `tokens`, tiles. Uniforms: blocks of a row, words between tokens of the input, the layer's limit (float32); the call.
 */
const listChosen = (
  product: RowProduct,
  tokens: number,
  packedDots: boolean,
  choice: string,
): string => /* wgsl */ `
struct Shape {
  blocks: u32,
  inputStride: u32,
  limit: u32,
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
${choice}
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
    let x = first * shape.inputStride;
    var products = ${product.name}(matrixOf(place), neuron, shape.blocks, x, shape.inputStride);
    for (var t = 0u; t < ${tokens}u && first + t < call.tokens; t++) {
      if (!isListed(place, neuron, products[t])) { continue; }
      let list = listOf(first + t, group.z, groups.z, group.x);
      let i = atomicAdd(&lengths[t], 1u);
      lists[neuronAt(list, i)] = neuron;
      lists[valueAt(list, i)] = products[t];
    }
  }
  workgroupBarrier();
  if (index < ${tokens}u && first + index < call.tokens) {
    lists[listOf(first + index, group.z, groups.z, group.x)] = atomicLoad(&lengths[index]);
  }
}
`;
