import { assert } from '../error.ts';
import { encodeHeader, type TensorPlan, tensorByteLength } from './header-writer.ts';
import { alignmentOf, alignUp } from './layout.ts';
import type { MetadataValue } from './value.ts';

/** A tensor to write. */
export interface TensorSource extends TensorPlan {
  /** Yields the encoded bytes in order, in pieces of any size; called once, when it is this tensor's turn. */
  read(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a GGUF file of version 3 as a stream of pieces: the header, then tensor after tensor, each padded to
 * `general.alignment` (32 where the metadata do not state it). Wrong shapes and byte counts are programmer errors.
 */
export async function* writeGguf(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorSource[],
): AsyncGenerator<Uint8Array> {
  const alignment = alignmentOf(metadata);
  yield encodeHeader(metadata, tensors);
  for (const tensor of tensors) {
    const expected = tensorByteLength(tensor);
    let written = 0;
    for await (const piece of tensor.read()) {
      written += piece.length;
      yield piece;
    }
    assert(written === expected, `${tensor.name} has ${expected} bytes, not ${written}`);
    yield new Uint8Array(alignUp(written, alignment) - written);
  }
}
