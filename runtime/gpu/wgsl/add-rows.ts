import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { tilePlaces } from './ffn-tiles.ts';
import { fixedPoint } from './fixed-point.ts';
import { neuronLists } from './neuron-lists.ts';
import { type NeuronRow, rowBlock, rowScale } from './neuron-row.ts';
import { weightScales } from './packed-weights.ts';
import { float32 } from './text.ts';

/** Words of a row that a workgroup takes, one for each invocation. */
const addedWords = 64;
/** Neurons whose factors it works out at a time. */
const rowsTogether = 16;
const rounding = float32(12582912);

/** Workgroups that take all columns. */
export const addedGroups = ({ blockWords }: NeuronRow, hiddenSize: number): number =>
  Math.ceil(((hiddenSize / rowBlock) * blockWords) / addedWords);

/**
 * Adds up each tile's listed rows, times their values, and that to the fixed-point sums of all, see `fixedPoint`: the integer
 * sums of `assembly/row-factors.ts`, which have no order. Groups: `addedGroups`, tokens, tiles. Uniforms: rows of the sums, which
 * are columns here; words from one neuron's records to the next one's; the most that a value may be; the call.
 */
export const addRows = (down: NeuronRow): string => /* wgsl */ `
struct Shape {
  rows: u32,
  recordWords: u32,
  bound: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read> tiles: array<TilePlace>;
@group(0) @binding(2) var<storage, read> lists: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> shape: Shape;
${call(6)}
${tilePlaces}
${neuronLists}
${binary32}
${weightScales}
${down.quants}
${rowScale(down)}
${fixedPoint}
${addListed(down)}
const smallest = ${float32(2 ** -110)};

@compute @workgroup_size(${addedWords})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  if (all(group == vec3u(0)) && index == 0u) { signSums(); }
  let blocks = shape.rows / ${rowBlock}u;
  let word = group.x * ${addedWords}u + index;
  let firstList = listOf(group.y, group.z, groups.z, 0u);
  var largest = 0u;
  for (var part = 0u; part < tileLists; part++) {
    let list = firstList + part * listWords;
    largest = max(largest, lists[list + 1u]);
    if (index == 0u) { lengths[part] = lists[list]; }
  }
  let scale = select(divideF32(largest, ${float32(32767)}), 0u, largest < smallest);
  let rows = Rows(tiles[group.z].down, blocks, divideF32(${float32(1)}, scale), group.x * blocksTogether, index);
  for (var part = 0u; part < tileLists; part++) {
    addListed(firstList + part * listWords, workgroupUniformLoad(&lengths[part]), rows);
  }
  // Without a scale there is nothing to add.
  if (word >= blocks * ${down.blockWords}u || scale == 0u) { return; }
  let unit = multiplyF32(scale, streamScale);
  let column = (word / ${down.blockWords}u) * ${rowBlock}u + (word % ${down.blockWords}u) * 4u;
  for (var i = 0u; i < ${4 * down.groups}u; i++) {
    let whole = columnSums[i >> 2u][i & 3u] - ${down.offset} * total;
    addPartial(multiplyF32(intToF32(whole), unit), group.y, column + 16u * (i >> 2u) + (i & 3u));
  }
}
`;

/** `addListed(list, length, rows)`: adds a list's rows, in a word of their quants each, to `columnSums` and `total`. */
const addListed = ({ blockWords, groups }: NeuronRow): string => /* wgsl */ `
const blocksTogether = ${addedWords / blockWords}u;
const rowsTogether = ${rowsTogether}u;
var<workgroup> lengths: array<u32, tileLists>;
var<workgroup> factors: array<i32, rowsTogether * blocksTogether>;
// Of the columns of this invocation's word, and of the factors of its block.
var<private> columnSums: array<vec4i, ${groups}>;
var<private> total: i32;

struct Rows {
  // The first of the tile's, in words, and the blocks of each.
  first: u32,
  blocks: u32,
  // Of the scale of all factors.
  inverse: u32,
  // The workgroup's, and the invocation among its words.
  firstBlock: u32,
  index: u32,
}

// A block's scale times the row's value, to 16 bits at one scale for all: what its quants are multiplied by.
fn factorOf(row: u32, blocks: u32, block: u32, value: u32, inverse: u32) -> i32 {
  let scaled = multiplyF32(rowScale(row, blocks, block), multiplyF32(value, streamScale));
  return i32(addF32(multiplyF32(scaled, inverse), ${rounding}) - ${rounding});
}

fn addListed(list: u32, length: u32, rows: Rows) {
  let isInRow = rows.firstBlock + rows.index / ${blockWords}u < rows.blocks;
  let word = rows.first + rows.firstBlock * ${blockWords}u + rows.index;
  for (var start = 0u; start < length; start += rowsTogether) {
    for (var i = rows.index; i < rowsTogether * blocksTogether; i += ${addedWords}u) {
      let at = start + i / blocksTogether;
      let block = rows.firstBlock + i % blocksTogether;
      var factor = 0;
      if (at < length && block < rows.blocks) {
        let row = rows.first + lists[neuronAt(list, at)] * shape.recordWords;
        factor = factorOf(row, rows.blocks, block, lists[valueAt(list, at)], rows.inverse);
      }
      factors[i] = factor;
    }
    workgroupBarrier();
    for (var i = 0u; i < min(length - start, rowsTogether) && isInRow; i++) {
      let factor = factors[i * blocksTogether + rows.index / ${blockWords}u];
      let quants = weights[word + lists[neuronAt(list, start + i)] * shape.recordWords];
      total += factor;
      for (var part = 0u; part < ${groups}u; part++) { columnSums[part] += factor * rowQuants(quants, part); }
    }
    workgroupBarrier();
  }
}`;
