import type { PartialSum } from '../decoder/step.ts';

/** Two planes of fixed-point values and whether the second one is in use: a PartialSum, or the hub's total. */
export type Planes = Pick<PartialSum, 'fine' | 'coarse' | 'coarseUsed'>;

/** int32 values that one group of the packing holds. */
export const packGroupValues = 32;

/** Bytes that `length` packed values take at most: for each group its bit width, then 32 bits a value. */
export function maxPackedBytes(length: number): number {
  return Math.ceil(length / packGroupValues) + length * 4;
}

/**
 * Packs int32 values without loss, small ones into fewer bytes (docs/PROTOCOL.md, "Packed integers"), and adds
 * them. All Int32Arrays are views into the codec's own memory.
 */
export interface PlaneCodec {
  /** Two planes of zeros in the codec's memory, for good. */
  allocatePlanes(length: number): Planes;
  /** @returns a copy, safe to keep */
  pack(values: Int32Array): Uint8Array;
  /**
   * Replaces `target` by the values that `source` begins with.
   * @returns bytes of `source` that they took
   * @throws HearthError FRAME_MALFORMED if `source` holds no `target.length` packed values
   */
  unpack(source: Uint8Array, target: Int32Array): number;
  /** As `unpack`, but adds to `target`; modulo 2^32. */
  unpackAdd(source: Uint8Array, target: Int32Array): number;
}
