import { assert } from '../../runtime/error.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';

/** Whole rows of a tensor, to be stored as another type. */
export interface EncodeJob {
  readonly from: QuantTypeName;
  readonly to: QuantTypeName;
  readonly bytes: Uint8Array;
}

/** Scales are f16 in most formats. No weight of a sound model comes near; a NaN is not below it either. */
const largestWeight = 65504;

/** @returns undefined where an element is not finite, or too large for f16 */
export function encodeRows({ from, to, bytes }: EncodeJob): Uint8Array<ArrayBuffer> | undefined {
  const source = quantFormatNamed(from);
  const target = quantFormatNamed(to);
  assert(target.encode !== undefined, `${to} can be encoded`);
  const values = new Float32Array((bytes.length / source.blockBytes) * source.blockSize);
  source.decode(bytes, values);
  if (!canBeStored(values)) return undefined;
  const encoded = new Uint8Array((values.length / target.blockSize) * target.blockBytes);
  target.encode(values, encoded);
  return encoded;
}

/** A plain loop: for simple formats a call for each element would take as long as encoding does. */
function canBeStored(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i += 1) if (!(Math.abs(values[i]!) <= largestWeight)) return false;
  return true;
}
