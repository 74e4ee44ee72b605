/** Columns of a block. */
export const rowBlock = 32;

/** How the rows of a weight type lie (`assembly/rows.ts`) and are computed, in WGSL. All rows multiply activations of `q8`. */
export interface NeuronRow {
  readonly name: string;
  /** Words of a block's quants. */
  readonly blockWords: number;
  /** What is subtracted from a quant. */
  readonly offset: number;
  /** Groups of four columns in a word, 16 columns apart. */
  readonly groups: number;
  /** `rowDot(q, x) -> i32`: quants, less their offset, from word `q` of `weights` on, times the block of `input` at word `x`. */
  readonly dot: string;
  /** `rowQuants(word, group) -> vec4i`. */
  readonly quants: string;
}

/** Blocks of `Q4_0`: columns 16 to 31 in high nibbles. */
const rowQ4_0: NeuronRow = {
  name: 'rowQ4_0',
  blockWords: 4,
  offset: 8,
  groups: 2,
  dot: /* wgsl */ `
fn rowDot(q: u32, x: u32) -> i32 {
  return nibbleDots(weights[q], weights[q + 1u], weights[q + 2u], weights[q + 3u], x) - i32(input[x + 12u]);
}`,
  quants: /* wgsl */ `
fn rowQuants(word: u32, group: u32) -> vec4i {
  return vec4i((vec4u(word) >> (vec4u(0u, 8u, 16u, 24u) + 4u * group)) & vec4u(15u));
}`,
};

const rowQ8_0: NeuronRow = {
  name: 'rowQ8_0',
  blockWords: 8,
  offset: 0,
  groups: 1,
  dot: /* wgsl */ `
fn rowDot(q: u32, x: u32) -> i32 {
  var dot = 0;
  for (var v = 0u; v < 8u; v++) { dot += dot4(weights[q + v], input[x + v]); }
  return dot;
}`,
  quants: /* wgsl */ `
fn rowQuants(word: u32, group: u32) -> vec4i {
  return vec4i(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
}`,
};

/** Weight types whose neurons can be skipped, as `rowFormats` has them. */
export const neuronRows: Readonly<Record<string, NeuronRow | undefined>> = { Q4_0: rowQ4_0, Q8_0: rowQ8_0 };

/** `rowScale(row, blocks, block)`: the scale of a block of the row that begins at word `row`, float32 · 2^-102. */
export const rowScale = ({ blockWords }: NeuronRow): string => /* wgsl */ `
fn rowScale(row: u32, blocks: u32, block: u32) -> u32 {
  return weightScale(weights[row + blocks * ${blockWords}u + (block >> 1u)] >> ((block & 1u) << 4u));
}`;
