import { pagePositions } from '../../kernels/kv-page.ts';
import { binary32 } from './binary32.ts';
import { call } from './call.ts';
import { seats } from './seats.ts';
import { float32 } from './text.ts';

/** Invocations of a workgroup, each of which has two neighbouring dimensions of a KV head. */
export const storedPairs = 64;

/** What puts two dimensions of K and of V into a page. */
const elements = {
  f16: /* wgsl */ `
const smallestNormal = ${float32(2 ** -14)};
const half = ${float32(0.5)};

// To nearest, ties to even; what is finite stays finite.
fn halfOf(x: u32) -> u32 {
  let sign = (x >> 16u) & 0x8000u;
  let magnitude = x & ~signBit;
  if (magnitude >= 0x477ff000u) {
    if (magnitude < infinityBits) { return sign | 0x7bffu; }
    return sign | select(0x7c00u, 0x7e00u, magnitude > infinityBits);
  }
  if (magnitude < smallestNormal) { return sign | (addF32(magnitude, half) - half); }
  return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
}

fn putHalf(at: u32, x: u32) {
  let shift = (at & 1u) << 4u;
  kv[at >> 1u] = (kv[at >> 1u] & ~(0xffffu << shift)) | (halfOf(x) << shift);
}

fn putKey(page: u32, at: u32, x: u32) { putHalf(2u * page + at, x); }
fn putValues(page: u32, at: u32, x: u32, y: u32) { kv[page + (at >> 1u)] = halfOf(x) | (halfOf(y) << 16u); }
`,
  f32: /* wgsl */ `
fn putKey(page: u32, at: u32, x: u32) { kv[page + at] = x; }
fn putValues(page: u32, at: u32, x: u32, y: u32) { kv[page + at] = x; kv[page + at + 1u] = y; }
`,
} as const;

/**
 * `storeKvF16` or `storeKvF32` of `assembly/kv-page.ts` for all KV heads and tokens. An invocation has its dimensions of all
 * tokens, since two positions share a word of K. k, v: float32 bits [tokens, heads · headDim]; kv: words of pages, [heads,
 * pages]. Uniforms: headDim, heads, words of a page, of a head; the call.
 */
export const storeKv = (format: keyof typeof elements): string => /* wgsl */ `
struct Shape {
  headDim: u32,
  heads: u32,
  pageWords: u32,
  headWords: u32,
}
@group(0) @binding(0) var<storage, read> k: array<u32>;
@group(0) @binding(1) var<storage, read> v: array<u32>;
${seats(2)}
@group(0) @binding(3) var<storage, read_write> kv: array<u32>;
@group(0) @binding(4) var<uniform> shape: Shape;
${call(5)}
${binary32}
${elements[format]}
@compute @workgroup_size(${storedPairs})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let width = shape.heads * shape.headDim;
  let column = 2u * id.x;
  if (column >= width) { return; }
  let d = column % shape.headDim;
  for (var t = 0u; t < call.tokens; t++) {
    let seat = seatOf(t);
    let page = column / shape.headDim * shape.headWords + seat.page * shape.pageWords;
    let row = t * width + column;
    let key = (seat.inPage >> 2u) * shape.headDim * 4u + (seat.inPage & 3u) + 4u * d;
    putKey(page, key, k[row]);
    putKey(page, key + 4u, k[row + 1u]);
    putValues(page, (${pagePositions}u + seat.inPage) * shape.headDim + d, v[row], v[row + 1u]);
  }
}
`;
