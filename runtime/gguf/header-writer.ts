import { assert } from '../error.ts';
import type { QuantTypeName } from '../quant/format.ts';
import { quantFormatNamed } from '../quant/registry.ts';
import { GGUF_MAGIC } from './header.ts';
import { alignmentOf, alignUp } from './layout.ts';
import { type MetadataValue, type NumberType, numberArrays, type ValueType, valueTypes } from './value.ts';

/** What the header says of a tensor to be written. */
export interface TensorPlan {
  readonly name: string;
  readonly type: QuantTypeName;
  /** Outermost first, as in GgufTensor. */
  readonly shape: readonly number[];
}

const VERSION = 3;

const utf8 = new TextEncoder();

/**
 * A header of GGUF version 3, padded so that tensor data can follow: the tensors in this order, each padded to the
 * alignment that the metadata state. Wrong shapes are programmer errors.
 */
export function encodeHeader(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorPlan[],
): Uint8Array {
  return concatenate([...headerPieces(metadata, tensors)], alignmentOf(metadata));
}

function* headerPieces(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorPlan[],
): Generator<Uint8Array> {
  yield number('uint32', GGUF_MAGIC);
  yield number('uint32', VERSION);
  yield number('uint64', tensors.length);
  yield number('uint64', metadata.size);
  for (const [key, value] of metadata) {
    yield* string(key);
    yield* valuePieces(value);
  }
  const alignment = alignmentOf(metadata);
  let dataOffset = 0;
  for (const tensor of tensors) {
    yield* string(tensor.name);
    yield number('uint32', tensor.shape.length);
    for (const size of tensor.shape.toReversed()) yield number('uint64', size);
    yield number('uint32', quantFormatNamed(tensor.type).ggmlType);
    yield number('uint64', dataOffset);
    dataOffset = alignUp(dataOffset + tensorByteLength(tensor), alignment);
  }
}

function* valuePieces(entry: MetadataValue): Generator<Uint8Array> {
  switch (entry.type) {
    case 'string':
      yield typeId('string');
      yield* string(entry.value);
      return;
    case 'bool':
      yield typeId('bool');
      yield Uint8Array.of(Number(entry.value));
      return;
    case 'string[]':
      yield* arrayHead('string', entry.value.length);
      for (const [i, value] of entry.value.entries()) yield* string(entry.malformed?.get(i) ?? value);
      return;
    case 'bool[]':
      yield* arrayHead('bool', entry.value.length);
      yield Uint8Array.from(entry.value, Number);
      return;
    default:
      yield* numberPieces(entry.type.replace('[]', '') as NumberType, entry.value);
  }
}

function* numberPieces(
  type: NumberType,
  value: Extract<MetadataValue, { type: NumberType | `${NumberType}[]` }>['value'],
): Generator<Uint8Array> {
  if (typeof value === 'object') {
    yield* arrayHead(type, value.length);
    yield new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  } else {
    yield typeId(type);
    yield number(type, value);
  }
}

function* arrayHead(elementType: ValueType, length: number): Generator<Uint8Array> {
  yield typeId('array');
  yield typeId(elementType);
  yield number('uint64', length);
}

function* string(value: string | Uint8Array): Generator<Uint8Array> {
  const bytes = typeof value === 'string' ? utf8.encode(value) : value;
  yield number('uint64', bytes.length);
  yield bytes;
}

const typeId = (type: ValueType): Uint8Array => number('uint32', valueTypes.indexOf(type));

function number(type: NumberType, value: number | bigint): Uint8Array {
  const isBig = type === 'uint64' || type === 'int64';
  const array = isBig ? numberArrays[type].of(BigInt(value)) : numberArrays[type].of(Number(value));
  return new Uint8Array(array.buffer);
}

/** Length of the tensor's data in whole blocks, without padding. */
export function tensorByteLength({ name, type, shape }: TensorPlan): number {
  const { blockSize, blockBytes } = quantFormatNamed(type);
  assert(
    shape.length > 0 && shape.at(-1)! % blockSize === 0,
    `${name} has whole blocks of ${type} in each row`,
  );
  return (shape.reduce((product, size) => product * size, 1) / blockSize) * blockBytes;
}

function concatenate(pieces: readonly Uint8Array[], alignment: number): Uint8Array {
  const byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = new Uint8Array(alignUp(byteLength, alignment));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
