import { HearthError } from '../error.ts';
import type { QuantTypeName } from '../quant/format.ts';
import type { GgufHeader } from './header.ts';
import { MAX_ALIGNMENT } from './limits.ts';
import type { ByteSource } from './source.ts';
import { badTensor } from './tensor-info.ts';
import type { MetadataValue } from './value.ts';

/** One tensor of an open file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: QuantTypeName;
  /** Outermost first: `[rows, cols]` of a matrix, whose rows are contiguous and whole blocks. One to four sizes. */
  readonly shape: readonly number[];
  readonly elementCount: number;
  readonly byteLength: number;
  /** Bytes of one row, that is of the innermost dimension. */
  readonly rowByteLength: number;
  /** Which part of a split file holds it; 0 for a single file. */
  readonly partIndex: number;
  /** From the start of that part. */
  readonly byteOffset: number;
}

const ALIGNMENT_KEY = 'general.alignment';
const DEFAULT_ALIGNMENT = 32;

/**
 * Finds each tensor's place in its file and checks that it is there, aligned, and shared with no other tensor.
 * @throws HearthError GGUF_BAD_METADATA for the alignment, GGUF_BAD_TENSOR, GGUF_TRUNCATED
 */
export function locateTensors(header: GgufHeader, source: ByteSource, partIndex: number): GgufTensor[] {
  const alignment = alignmentOf(header.metadata);
  const dataStart = alignUp(header.byteLength, alignment);
  const tensors = header.tensors.map(({ name, format, shape, elementCount, byteLength, dataOffset }) => {
    if (dataOffset % alignment !== 0) {
      throw badTensor(name, `starts at ${dataOffset}, not a multiple of the alignment ${alignment}`);
    }
    const byteOffset = dataStart + dataOffset;
    if (byteOffset + byteLength > source.byteLength) {
      throw new HearthError(
        'GGUF_TRUNCATED',
        `tensor ${name} needs bytes ${byteOffset} to ${byteOffset + byteLength} of ${source.name}, which has ${source.byteLength}. Was it downloaded completely?`,
        { tensor: name, file: source.name, fileBytes: source.byteLength },
      );
    }
    const rowByteLength = byteLength / (elementCount / shape.at(-1)!);
    return { name, type: format.name, shape, elementCount, byteLength, rowByteLength, partIndex, byteOffset };
  });
  checkDisjoint(tensors);
  return tensors;
}

/** @returns a power of two, from 8 up */
export function alignmentOf(metadata: ReadonlyMap<string, MetadataValue>): number {
  const stated = metadata.get(ALIGNMENT_KEY);
  if (stated === undefined) return DEFAULT_ALIGNMENT;
  const alignment = Number(stated.value);
  const isPowerOfTwo = Number.isInteger(alignment) && (alignment & (alignment - 1)) === 0;
  if (stated.type === 'uint32' && isPowerOfTwo && alignment >= 8 && alignment <= MAX_ALIGNMENT)
    return alignment;
  throw new HearthError(
    'GGUF_BAD_METADATA',
    `the file's metadata ${ALIGNMENT_KEY} must be a power of two from 8 to ${MAX_ALIGNMENT}, as uint32`,
    { key: ALIGNMENT_KEY },
  );
}

/** The next multiple of `alignment`, from `byteOffset` itself on. */
export function alignUp(byteOffset: number, alignment: number): number {
  return Math.ceil(byteOffset / alignment) * alignment;
}

function checkDisjoint(tensors: readonly GgufTensor[]): void {
  const inOrder = tensors.toSorted((a, b) => a.byteOffset - b.byteOffset);
  for (const [i, tensor] of inOrder.entries()) {
    const next = inOrder[i + 1];
    if (next !== undefined && tensor.byteOffset + tensor.byteLength > next.byteOffset) {
      throw badTensor(next.name, `overlaps tensor ${tensor.name}`);
    }
  }
}
