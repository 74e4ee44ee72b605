import type { FfnActivation } from '../../model/config.ts';
import { binary32 } from './binary32.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { gluTexts } from './glu.ts';
import { listNeurons, neuronLists } from './neuron-lists.ts';
import { type NeuronRow, rowScale } from './neuron-row.ts';
import { packedWeights } from './packed-weights.ts';

/** Rows that a workgroup computes at a time, and blocks of them. */
const rowsTogether = 16;
const blocksTogether = listNeurons;
/** Rows of products begin in different banks. */
const productStride = blocksTogether + 1;

/**
 * Values of listed neurons: activation(gate) · (up · x), in place of their gates, with the bits of the `dotRows` kernels:
 * blocks are multiplied side by side, and added in their order. And the largest |value · scale| of their rows of down, as
 * `factorScale` finds it. A workgroup computes a list. Groups: lists of a tile, tokens, tiles. Uniform: blocks of a row, words
 * between tokens of the input, and from one neuron's records to the next one's.
 * @param gatesByRow whether gates are rows as those of up; else they are in the lists
 */
export const listedValues = (
  up: NeuronRow,
  down: NeuronRow,
  activation: FfnActivation,
  packedDots: boolean,
  gatesByRow: boolean,
): string => /* wgsl */ `
struct Shape {
  blocks: u32,
  inputStride: u32,
  recordWords: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> tiles: array<TilePlace>;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read_write> lists: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${tilePlaces}
${neuronLists}
${binary32}
${packedWeights(packedDots)}
${gluTexts[activation]}
${up.dot}
${rowScale(up)}
var<workgroup> listed: u32;
var<workgroup> largest: atomic<u32>;
var<workgroup> products: array<u32, ${rowsTogether * productStride}>;

fn blockProduct(row: u32, block: u32, x: u32) -> u32 {
  let at = x + block * 16u;
  let scale = multiplyF32(rowScale(row, shape.blocks, block), input[at + 8u]);
  return multiplyF32(intToF32(rowDot(row + block * ${up.blockWords}u, at)), scale);
}

// Of this invocation's row of a matrix, the list's one at first + index, if that is among the 'count' from 'first' on.
fn dotRows(matrix: u32, list: u32, first: u32, count: u32, x: u32, index: u32) -> u32 {
  var sum = 0u;
  for (var start = 0u; start < shape.blocks; start += ${blocksTogether}u) {
    let blocks = min(shape.blocks - start, ${blocksTogether}u);
    for (var i = 0u; i < count && index < blocks; i++) {
      let row = matrix + lists[neuronAt(list, first + i)] * shape.recordWords;
      products[i * ${productStride}u + index] = blockProduct(row, start + index, x);
    }
    workgroupBarrier();
    for (var block = 0u; block < blocks && index < count; block++) {
      sum = addF32(sum, products[index * ${productStride}u + block]);
    }
    workgroupBarrier();
  }
  return multiplyF32(sum, streamScale);
}

// Of a row of down, less its sign. Magnitudes are ordered as their bits are.
fn largestScale(row: u32) -> u32 {
  var half = 0u;
  let start = row + shape.blocks * ${down.blockWords}u;
  for (var i = 0u; i < (shape.blocks + 1u) / 2u; i++) {
    let pair = weights[start + i];
    half = max(half, max(pair & 0x7fffu, (pair >> 16u) & 0x7fffu));
  }
  return weightScale(half);
}

@compute @workgroup_size(${listNeurons})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let list = listOf(group.y, group.z, groups.z, group.x);
  let x = group.y * shape.inputStride;
  let place = tiles[group.z];
  if (index == 0u) { listed = lists[list]; }
  let length = workgroupUniformLoad(&listed);
  for (var first = 0u; first < length; first += ${rowsTogether}u) {
    let count = min(length - first, ${rowsTogether}u);
    ${gatesByRow ? 'let gate = dotRows(place.gate, list, first, count, x, index);' : ''}
    let up = dotRows(place.up, list, first, count, x, index);
    if (index < count) {
      let at = valueAt(list, first + index);
      let value = activated(${gatesByRow ? 'gate' : 'lists[at]'}, up);
      lists[at] = value;
      let row = place.down + lists[neuronAt(list, first + index)] * shape.recordWords;
      let scaled = multiplyF32(largestScale(row), multiplyF32(value, streamScale));
      // Rows whose value is zero are left out, whatever their scales are.
      if ((value & ~signBit) != 0u) { atomicMax(&largest, scaled & ~signBit); }
    }
  }
  workgroupBarrier();
  if (index == 0u) { lists[list + 1u] = atomicLoad(&largest); }
}
`;
