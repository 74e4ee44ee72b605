import { binary32 } from './binary32.ts';
import { streamScale } from './packed-weights.ts';
import { float32 } from './text.ts';

/** Invocations of a workgroup, and columns of each. */
const columnsEach = 4;
const invocations = 64;
/** Columns of a run, which a workgroup takes. */
export const quantizeRun = columnsEach * invocations;

/** Columns in whole runs. */
export function padded(columns: number): number {
  return Math.ceil(columns / quantizeRun) * quantizeRun;
}

/** As `relu` of `assembly/relu-glu.ts`: a NaN stays one. */
const rectify = /* wgsl */ `
fn rectified(x: u32) -> u32 { return select(x, 0u, x >= signBit && (x & ~signBit) <= infinityBits); }`;
const asItIs = /* wgsl */ `
fn rectified(x: u32) -> u32 { return x; }`;

/**
 * Runs of 256 float32 to the streams that products read, as `quantizeQ8` (blocks of 32) or `quantizeQ8K` (256) make
 * them, bit for bit: [tokens, runs], a workgroup each, tokens in y.
 * @param isRectified negative values are taken for zeros
 */
export const quantize = (format: 'q8' | 'q8k', isRectified = false): string => /* wgsl */ `
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> stream: array<u32>;
${binary32}
${isRectified ? rectify : asItIs}
const blockInvocations = ${format === 'q8' ? 32 / columnsEach : invocations}u;
const smallest = ${float32(2 ** -64)};
const rounding = ${float32(12582912)};
const levels = ${float32(127)};

var<workgroup> largest: array<atomic<u32>, ${invocations}>;
var<workgroup> sums: array<atomic<i32>, ${invocations}>;

fn levelOf(x: u32, inverse: u32) -> i32 { return i32(addF32(multiplyF32(x, inverse), rounding) - rounding); }
fn byteOf(level: i32) -> u32 { return u32(level) & 0xffu; }
fn pairOf(low: i32, high: i32) -> u32 { return (u32(low) & 0xffffu) | (u32(high) << 16u); }
fn unitSum(unit: u32) -> i32 { return atomicLoad(&sums[unit]) + atomicLoad(&sums[16u + unit]); }

// absmax / 127 · 2^51; zero for a block of zeros, NaN for one that is not finite.
fn scaleOf(absmax: u32) -> u32 {
  if (absmax >= infinityBits) { return notANumber; }
  if (absmax < smallest) { return 0u; }
  return multiplyF32(divideF32(absmax, levels), ${float32(streamScale)});
}

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let run = group.y * groups.x + group.x;
  let start = (run * ${invocations}u + index) * ${columnsEach}u;
  let x0 = rectified(values[start]);
  let x1 = rectified(values[start + 1u]);
  let x2 = rectified(values[start + 2u]);
  let x3 = rectified(values[start + 3u]);
  let block = index / blockInvocations;
  // Magnitudes are ordered as their bits are, with NaN above all.
  atomicMax(&largest[block], max(max(x0 & ~signBit, x1 & ~signBit), max(x2 & ~signBit, x3 & ~signBit)));
  workgroupBarrier();
  let absmax = atomicLoad(&largest[block]);
  var q = vec4i(0);
  if (absmax < infinityBits && absmax >= smallest) {
    let inverse = divideF32(levels, absmax);
    q = vec4i(levelOf(x0, inverse), levelOf(x1, inverse), levelOf(x2, inverse), levelOf(x3, inverse));
  }
  let word = byteOf(q.x) | (byteOf(q.y) << 8u) | (byteOf(q.z) << 16u) | (byteOf(q.w) << 24u);
  ${format === 'q8' ? storeQ8 : storeQ8K}
}
`;

/** 16 words a block: 8 of quants, 4 times the scale, 4 times 8 · Σ. */
const storeQ8 = /* wgsl */ `
  atomicAdd(&sums[block], q.x + q.y + q.z + q.w);
  workgroupBarrier();
  let place = index % blockInvocations;
  let to = (run * 8u + block) * 16u;
  stream[to + place] = word;
  stream[to + 8u + place] = select(u32(atomicLoad(&sums[block]) << 3u), scaleOf(absmax), place < 4u);
`;

/** 88 words a run: 64 of quants, Σ of each 32 columns in int16, 4 times the scale, of each 16 columns −32 · Σ halves. */
const storeQ8K = /* wgsl */ `
  // Sums of each 16 columns: of the first two of each four below, of the last two 16 further.
  atomicAdd(&sums[index >> 2u], q.x + q.y);
  atomicAdd(&sums[16u + (index >> 2u)], q.z + q.w);
  workgroupBarrier();
  let to = run * 88u;
  stream[to + index] = word;
  if (index < 4u) {
    let at = index << 2u;
    let low = unitSum(at) + unitSum(at + 1u);
    let high = unitSum(at + 2u) + unitSum(at + 3u);
    stream[to + 64u + index] = pairOf(low, high);
    stream[to + 68u + index] = scaleOf(absmax);
  }
  if (index < 16u) {
    stream[to + 72u + index] = pairOf(-32 * atomicLoad(&sums[index]), -32 * atomicLoad(&sums[16u + index]));
  }
`;
