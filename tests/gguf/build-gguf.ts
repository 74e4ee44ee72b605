import { encodeHeader, type TensorPlan } from '../../runtime/gguf/header-writer.ts';
import { alignmentOf, alignUp } from '../../runtime/gguf/layout.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';

export interface BuiltTensor extends TensorPlan {
  readonly data: Uint8Array;
}

/** A whole small GGUF file in memory. */
export function buildGguf(
  metadata: Readonly<Record<string, MetadataValue>>,
  tensors: readonly BuiltTensor[] = [],
): Uint8Array {
  const entries = new Map(Object.entries(metadata));
  const alignment = alignmentOf(entries);
  const header = encodeHeader(entries, tensors);
  const dataBytes = tensors.reduce((sum, { data }) => sum + alignUp(data.length, alignment), 0);
  const file = new Uint8Array(header.length + dataBytes);
  file.set(header);
  let at = header.length;
  for (const { data } of tensors) {
    file.set(data, at);
    at += alignUp(data.length, alignment);
  }
  return file;
}
