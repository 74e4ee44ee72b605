import { encodeHeader, type TensorPlan, tensorByteLength } from './header-writer.ts';
import { alignmentOf, alignUp } from './layout.ts';
import type { MetadataValue } from './value.ts';

/** Bytes of the file that `writeGguf` makes of these. */
export function ggufByteLength(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorPlan[],
): number {
  const alignment = alignmentOf(metadata);
  const headerBytes = encodeHeader(metadata, tensors).length;
  return tensors.reduce((sum, tensor) => sum + alignUp(tensorByteLength(tensor), alignment), headerBytes);
}
