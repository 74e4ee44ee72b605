import { assert } from '../error.ts';
import type { QuantTypeName } from '../quant/format.ts';
import { quantFormatNamed } from '../quant/registry.ts';
import { ByteWriter } from './byte-writer.ts';
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

/**
 * A header of GGUF version 3, padded so that tensor data can follow: the tensors in this order, each padded to the
 * alignment that the metadata state. Wrong shapes are programmer errors.
 */
export function encodeHeader(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorPlan[],
): Uint8Array {
  const alignment = alignmentOf(metadata);
  const out = new ByteWriter();
  out.u32(GGUF_MAGIC);
  out.u32(VERSION);
  out.u64(tensors.length);
  out.u64(metadata.size);
  for (const [key, value] of metadata) {
    out.string(key);
    writeValue(out, value);
  }
  let dataOffset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.u32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) out.u64(size);
    out.u32(quantFormatNamed(tensor.type).ggmlType);
    out.u64(dataOffset);
    dataOffset = alignUp(dataOffset + tensorByteLength(tensor), alignment);
  }
  return out.padded(alignment);
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

function writeValue(out: ByteWriter, entry: MetadataValue): void {
  switch (entry.type) {
    case 'string':
      writeType(out, 'string');
      out.string(entry.value);
      return;
    case 'bool':
      writeType(out, 'bool');
      out.bytes(Uint8Array.of(Number(entry.value)));
      return;
    case 'string[]':
      writeArrayHead(out, 'string', entry.value.length);
      for (const [i, value] of entry.value.entries()) out.string(entry.malformed?.get(i) ?? value);
      return;
    case 'bool[]':
      writeArrayHead(out, 'bool', entry.value.length);
      out.bytes(Uint8Array.from(entry.value, Number));
      return;
    default:
      writeNumbers(out, entry.type.replace('[]', '') as NumberType, entry.value);
  }
}

function writeNumbers(
  out: ByteWriter,
  type: NumberType,
  value: Extract<MetadataValue, { type: NumberType | `${NumberType}[]` }>['value'],
): void {
  if (typeof value === 'object') {
    writeArrayHead(out, type, value.length);
    out.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else {
    writeType(out, type);
    const isBig = type === 'uint64' || type === 'int64';
    const array = isBig ? numberArrays[type].of(BigInt(value)) : numberArrays[type].of(Number(value));
    out.bytes(new Uint8Array(array.buffer));
  }
}

function writeArrayHead(out: ByteWriter, elementType: ValueType, length: number): void {
  writeType(out, 'array');
  writeType(out, elementType);
  out.u64(length);
}

function writeType(out: ByteWriter, type: ValueType): void {
  out.u32(valueTypes.indexOf(type));
}
