import { assert } from '../error.ts';
import type { AttentionKernel, KernelExports, StoreKvKernel } from './exports.ts';

/** Element types of the KV cache. */
export const kvFormats = ['f16', 'f32', 'q8'] as const;
export type KvFormat = (typeof kvFormats)[number];

/** Positions in a KV page, which holds K and V of one KV head. */
export const pagePositions = 64;

/** Positions that are copied together: of a page, all behind the last one that is full would have to be computed again. */
export const runPositions = 16;
export const pageRuns = pagePositions / runPositions;

/** Dimensions of K that share a scale in 8-bit pages. */
const keyBlock = 32;
/** Rows that the attention kernel computes together, and the bytes that it wants besides. */
const blockRows = 8;
const callBytes = 704;

/**
 * Bytes of a page; the layouts are those of `assembly/kv-page.ts` and `assembly/kv-page-q8.ts`. A head whose size is
 * not a multiple of 4 has no kernel.
 */
export function kvPageBytes(headDim: number, format: KvFormat): number {
  assert(headDim > 0 && headDim % 4 === 0, 'a head of a multiple of 4 elements', headDim);
  if (format !== 'q8') return 2 * pagePositions * headDim * (format === 'f16' ? 2 : 4);
  const scales = Math.ceil(headDim / keyBlock) + 1;
  return pagePositions * (2 * headDim + 4 * scales);
}

/**
 * The parts of a page that hold a run of positions, views into it: K, V, and in 8 bits V's scales.
 * @param run of the page: positions [16 × run, 16 × (run + 1))
 */
export function kvRunParts(page: Uint8Array, headDim: number, format: KvFormat, run: number): Uint8Array[] {
  const scaleBytes = format === 'q8' ? 4 * pagePositions : 0;
  const valueBytes = format === 'q8' ? pagePositions * headDim : page.length / 2;
  const keyBytes = page.length - valueBytes - scaleBytes;
  let offset = 0;
  return [keyBytes, valueBytes, scaleBytes]
    .filter((bytes) => bytes > 0)
    .map((bytes) => {
      const start = offset + (run * bytes) / pageRuns;
      offset += bytes;
      return page.subarray(start, start + bytes / pageRuns);
    });
}

/** Bytes of a run in one head. */
export function kvRunBytes(headDim: number, format: KvFormat): number {
  return kvPageBytes(headDim, format) / pageRuns;
}

/** Bytes of scratch that attention needs for at most so many positions. */
export function attentionScratchBytes(headDim: number, positions: number): number {
  const scores = Math.ceil(positions / pagePositions) * pagePositions;
  return callBytes + 4 * blockRows * (2 * headDim + scores);
}

/** What writes and reads pages of a format. */
export function kvKernels(
  kernels: KernelExports,
  format: KvFormat,
): { readonly store: StoreKvKernel; readonly attention: AttentionKernel } {
  return {
    f16: { store: kernels.storeKvF16, attention: kernels.attentionF16 },
    f32: { store: kernels.storeKvF32, attention: kernels.attentionF32 },
    q8: { store: kernels.storeKvQ8, attention: kernels.attentionQ8 },
  }[format];
}
