import { assert } from '../error.ts';
import type { AttentionKernel, KernelExports, StoreKvKernel } from './exports.ts';

/** Element types of the KV cache. */
export const kvFormats = ['f16', 'f32', 'q8'] as const;
export type KvFormat = (typeof kvFormats)[number];

/** Positions in a KV page, which holds K and V of one KV head. */
export const pagePositions = 64;

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
