import { HearthError } from '../error.ts';
import type { QuantFormat } from '../quant/format.ts';
import { quantFormatOfGgmlType, quantFormats } from '../quant/registry.ts';
import type { HeaderCursor } from './cursor.ts';
import { MAX_TENSOR_DIMENSIONS } from './limits.ts';

/** A tensor as the header describes it, before its place in the file is known. */
export interface TensorInfo {
  readonly name: string;
  readonly format: QuantFormat;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly elementCount: number;
  readonly byteLength: number;
  /** From the start of the tensor data. */
  readonly dataOffset: number;
}

/** Types that ggml has or had and that no code here decodes, by id, so that a message can name them. */
const unsupportedTypes: Readonly<Record<number, string>> = {
  4: 'Q4_2 (removed from ggml)',
  5: 'Q4_3 (removed from ggml)',
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  31: 'Q4_0_4_4 (removed from GGUF)',
  32: 'Q4_0_4_8 (removed from GGUF)',
  33: 'Q4_0_8_8 (removed from GGUF)',
  34: 'TQ1_0',
  35: 'TQ2_0',
  36: 'IQ4_NL_4_4 (removed from GGUF)',
  37: 'IQ4_NL_4_8 (removed from GGUF)',
  38: 'IQ4_NL_8_8 (removed from GGUF)',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
  42: 'Q2_0',
};

/** Reads what follows a tensor's name: dimensions (innermost first), type, offset. */
export async function readTensorInfo(cursor: HeaderCursor, name: string): Promise<TensorInfo> {
  const dimensions = await cursor.u32();
  if (dimensions < 1 || dimensions > MAX_TENSOR_DIMENSIONS) {
    throw badTensor(name, `has ${dimensions} dimensions, not 1 to ${MAX_TENSOR_DIMENSIONS}`);
  }
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.unshift(await cursor.u64());
  const format = formatOf(await cursor.u32(), name);
  const dataOffset = await cursor.u64();

  if (shape.includes(0)) throw badTensor(name, `has the empty shape [${shape}]`);
  const elementCount = shape.reduce((product, size) => product * size, 1);
  // A float product is at most rounded, so one that passed 2^53 on its way still is not safe.
  const byteLength = (elementCount / format.blockSize) * format.blockBytes;
  if (!Number.isSafeInteger(elementCount) || byteLength > Number.MAX_SAFE_INTEGER) {
    throw badTensor(name, `has the shape [${shape}], more than can be addressed`);
  }
  const rowElements = shape.at(-1)!;
  if (rowElements % format.blockSize !== 0) {
    throw badTensor(
      name,
      `has rows of ${rowElements} elements, not whole ${format.name} blocks of ${format.blockSize}`,
    );
  }
  return { name, format, shape, elementCount, byteLength, dataOffset };
}

function formatOf(ggmlType: number, tensor: string): QuantFormat {
  const format = quantFormatOfGgmlType(ggmlType);
  if (format !== undefined) return format;
  const name = unsupportedTypes[ggmlType] ?? 'an unknown type';
  const supported = quantFormats.map((known) => known.name).join(', ');
  throw new HearthError(
    'GGUF_UNKNOWN_TYPE',
    `tensor ${tensor} is stored as ${name} (id ${ggmlType}), which is not supported; ${supported} are`,
    { tensor, type: name, ggmlType },
  );
}

export function badTensor(tensor: string, problem: string): HearthError {
  return new HearthError('GGUF_BAD_TENSOR', `tensor ${tensor} ${problem}`, { tensor });
}
