import { pagePositions } from '../../kernels/kv-page.ts';
import { binary32 } from './binary32.ts';
import { binary64 } from './binary64.ts';
import { exp } from './exp.ts';
import { seats } from './seats.ts';
import { float32 } from './text.ts';

/** Invocations of a workgroup. */
const invocations = 64;
/** Positions whose exponentials are summed in float32 before the sum goes into a float64, in so many chains. */
const blockPositions = 256;
const chains = 4;

/** How elements of a page are read: `element(word of the page, index)`. And what undoes the lift, and what a half lacks. */
const elements = {
  f16: {
    text: /* wgsl */ `
// A half's bits moved into a float: its value times 2^-112.
fn element(page: u32, i: u32) -> u32 {
  let half = (kv[page + (i >> 1u)] >> ((i & 1u) << 4u)) & 0xffffu;
  return ((half & 0x8000u) << 16u) | ((half & 0x7fffu) << 13u);
}`,
    rest: 2 ** 48,
  },
  f32: {
    text: /* wgsl */ `
fn element(page: u32, i: u32) -> u32 { return kv[page + i]; }`,
    rest: 2 ** -64,
  },
} as const;

/**
 * `attentionF16` or `attentionF32` of `assembly/attention.ts`, bit for bit where scores are finite, and not a number where the
 * largest is not: a workgroup for each query head of a token (x), tokens in y. Scores are chains over dimensions, an output's
 * dimension is a chain over positions; what lies between follows `assembly/softmax.ts`, a total in float64 included.
 * q: float32 bits [tokens, heads · headDim]; kv: words of pages, [KV heads, pages]; scores: room for `most` words of each head
 * and token; out: heads go by `tileHeads` into tiles of `tileWords`, tokens `outStride` apart.
 */
export const attention = (format: keyof typeof elements): string => /* wgsl */ `
struct Shape {
  headDim: u32,
  // Query heads of a KV head.
  group: u32,
  pageWords: u32,
  headWords: u32,
  tileHeads: u32,
  tileWords: u32,
  outStride: u32,
  most: u32,
  scale: u32,
}
@group(0) @binding(0) var<storage, read> q: array<u32>;
${seats(1)}
@group(0) @binding(2) var<storage, read> kv: array<u32>;
@group(0) @binding(3) var<storage, read_write> scores: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;
@group(0) @binding(5) var<uniform> shape: Shape;
${binary32}
${exp}
${binary64}
${elements[format].text}
const lift = ${float32(2 ** 64)};
const rest = ${float32(elements[format].rest)};

// Ordered as the floats are; zero is below all.
var<workgroup> largest: atomic<u32>;
var<workgroup> sums: array<u32, ${invocations}>;
var<workgroup> weight: u32;

fn orderOf(a: u32) -> u32 { return select(a | signBit, ~a, a >= signBit); }
fn floatOf(order: u32) -> u32 { return select(~order, order ^ signBit, order >= signBit); }

// Where the sequence's page numbers begin, and the KV head's pages.
var<private> table: u32;
var<private> pages: u32;

fn pageOf(position: u32) -> u32 { return pages + seats[table + position / ${pagePositions}u] * shape.pageWords; }

fn scoreOf(query: u32, position: u32) -> u32 {
  let page = pageOf(position);
  let inPage = position % ${pagePositions}u;
  let first = (inPage >> 2u) * shape.headDim * 4u + (inPage & 3u);
  var sum = 0u;
  for (var d = 0u; d < shape.headDim; d++) {
    sum = addF32(multiplyF32(element(page, first + 4u * d), multiplyF32(q[query + d], lift)), sum);
  }
  return multiplyF32(sum, multiplyF32(rest, shape.scale));
}

fn mixOf(d: u32, row: u32, seen: u32) -> u32 {
  var sum = 0u;
  for (var p = 0u; p < seen; p++) {
    let at = (${pagePositions}u + p % ${pagePositions}u) * shape.headDim + d;
    sum = addF32(multiplyF32(element(pageOf(p), at), multiplyF32(scores[row + p], weight)), sum);
  }
  return multiplyF32(sum, rest);
}

// Of the positions of one block, those of one chain.
fn chainOf(row: u32, seen: u32, block: u32, chain: u32) -> u32 {
  let end = min(seen, (block + 1u) * ${blockPositions}u);
  var sum = 0u;
  for (var p = block * ${blockPositions}u + chain; p < end; p += ${chains}u) { sum = addF32(sum, scores[row + p]); }
  return sum;
}

fn blockSum(first: u32) -> vec2u {
  let low = addF64(f64OfF32(sums[first]), f64OfF32(sums[first + 1u]));
  return addF64(low, addF64(f64OfF32(sums[first + 2u]), f64OfF32(sums[first + 3u])));
}

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let seat = seatOf(group.y);
  let seen = seat.seen;
  table = seat.table;
  pages = group.x / shape.group * shape.headWords;
  let row = (group.y * groups.x + group.x) * shape.most;
  let query = (group.y * groups.x + group.x) * shape.headDim;
  for (var p = index; p < seen; p += ${invocations}u) {
    let score = scoreOf(query, p);
    scores[row + p] = score;
    atomicMax(&largest, orderOf(score));
  }
  workgroupBarrier();
  let maximum = floatOf(atomicLoad(&largest));
  for (var p = index; p < seen; p += ${invocations}u) {
    scores[row + p] = expF32(addF32(scores[row + p], maximum ^ signBit));
  }
  storageBarrier();
  workgroupBarrier();
  var total = zeroF64;
  for (var p = 0u; p < seen; p += ${(invocations / chains) * blockPositions}u) {
    sums[index] = chainOf(row, seen, p / ${blockPositions}u + index / ${chains}u, index % ${chains}u);
    workgroupBarrier();
    if (index == 0u) {
      for (var i = 0u; i < ${invocations}u; i += ${chains}u) { total = addF64(total, blockSum(i)); }
    }
    workgroupBarrier();
  }
  if (index == 0u) {
    weight = select(notANumber, f32OfF64(powerByF64(64, total)), (maximum & ~signBit) < infinityBits);
  }
  workgroupBarrier();
  let tile = group.x / shape.tileHeads;
  let to = group.y * shape.outStride + tile * shape.tileWords + group.x % shape.tileHeads * shape.headDim;
  for (var d = index; d < shape.headDim; d += ${invocations}u) { out[to + d] = mixOf(d, row, seen); }
}
`;
