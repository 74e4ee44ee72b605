import { binary32 } from './binary32.ts';
import { call } from './call.ts';

/** Invocations of a workgroup, each of which has one value. */
export const appliedValues = 64;

/**
 * `applySum` of `assembly/fixed-point.ts`: what has been added up goes to the residual, and the sums are zeros again.
 * Groups: values of a token by `appliedValues`, tokens. residual: float32 bits [tokens, size]; sums: as of `addDown`; scales:
 * [tokens, 4] of `rmsNorm`. Uniforms: size; the call.
 */
export const applySums = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> residual: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<uniform> size: u32;
${call(4)}
${binary32}
@compute @workgroup_size(${appliedValues})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= size) { return; }
  let value = id.y * size + id.x;
  var at = 1u + value;
  var x = residual[value];
  for (var plane = 0u; plane < 2u; plane++) {
    x = addF32(x, multiplyF32(intToF32(bitcast<i32>(sums[at])), scales[4u * id.y + 2u * plane + 1u]));
    sums[at] = 0u;
    at += call.tokens * size;
  }
  residual[value] = x;
}
`;
