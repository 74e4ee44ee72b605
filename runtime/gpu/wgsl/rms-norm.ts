import { binary32 } from './binary32.ts';
import { float32 } from './text.ts';

/** Invocations of a workgroup. */
const invocations = 64;

/**
 * `rmsNorm` of `assembly/rms-norm.ts`, bit for bit: a workgroup for each token. Sixteen invocations add up the squares,
 * each its own of the kernel's sixteen chains; one adds those in the kernel's order; all scale.
 * x: float32 bits [tokens, size]; weight: [size]; y: tokens `stride` words apart; scales: [tokens, 4]. Uniform: size, epsilon's
 * bits, stride.
 */
export const rmsNorm = /* wgsl */ `
struct Shape {
  size: u32,
  epsilon: u32,
  stride: u32,
}
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> scales: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${binary32}
var<workgroup> chains: array<u32, 16>;
var<workgroup> inverse: u32;

fn powerOfTwo(exponent: i32) -> u32 { return u32(exponent + 127) << 23u; }

// Sums of lane j of the kernel's four vectors.
fn lane(j: u32) -> u32 {
  return addF32(addF32(chains[j], chains[4u + j]), addF32(chains[8u + j], chains[12u + j]));
}

fn sumOfSquares(row: u32) -> u32 {
  var sum = addF32(addF32(lane(0u), lane(1u)), addF32(lane(2u), lane(3u)));
  for (var i = shape.size & ~15u; i < shape.size; i++) { sum = addF32(sum, multiplyF32(x[row + i], x[row + i])); }
  return sum;
}

fn storeScales(at: u32, meanSquare: u32) {
  let exponent = clamp(i32((sqrtF32(meanSquare) & ~signBit) >> 23u) - 127, -100, 126);
  scales[at] = powerOfTwo(16 - exponent);
  scales[at + 1u] = powerOfTwo(exponent - 16);
  scales[at + 2u] = powerOfTwo(4 - exponent);
  scales[at + 3u] = powerOfTwo(exponent - 4);
}

@compute @workgroup_size(${invocations})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = group.x * shape.size;
  if (index < 16u) {
    var sum = 0u;
    for (var i = index; i < (shape.size & ~15u); i += 16u) {
      sum = addF32(sum, multiplyF32(x[row + i], x[row + i]));
    }
    chains[index] = sum;
  }
  workgroupBarrier();
  if (index == 0u) {
    let meanSquare = divideF32(sumOfSquares(row), intToF32(i32(shape.size)));
    inverse = divideF32(${float32(1)}, sqrtF32(addF32(meanSquare, shape.epsilon)));
    storeScales(group.x * 4u, meanSquare);
  }
  workgroupBarrier();
  for (var i = index; i < shape.size; i += ${invocations}u) {
    y[group.x * shape.stride + i] = multiplyF32(multiplyF32(x[row + i], inverse), weight[i]);
  }
}
`;
