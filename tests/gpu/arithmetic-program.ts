import { binary32 } from '../../runtime/gpu/wgsl/binary32.ts';
import { gluTexts } from '../../runtime/gpu/wgsl/glu.ts';

/** results[i] = an expression of x = a[i] and y = b[i], over everything that `binary32` and the silu have. */
export const arithmeticProgram = (expression: string): string => /* wgsl */ `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> results: array<u32>;
${binary32}
${gluTexts.silu}
fn evaluate(x: u32, y: u32) -> u32 { return ${expression}; }
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&results)) { results[id.x] = evaluate(a[id.x], b[id.x]); }
}
`;
