/**
 * A metadata value with its GGUF type: `uint32`, `string`, … and `uint32[]`, `string[]`, … for arrays. Numeric arrays are
 * typed arrays. A 64-bit integer is a `number` where that is exact, else a `bigint`.
 */
export type MetadataValue =
  | { readonly type: NumberType; readonly value: number | bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: `${NumberType}[]`; readonly value: NumberArray | BigInt64Array | BigUint64Array }
  | { readonly type: 'bool[]'; readonly value: readonly boolean[] }
  | StringArrayValue;

export interface StringArrayValue {
  readonly type: 'string[]';
  readonly value: readonly string[];
  /** The bytes of the elements that are not UTF-8, by index; absent where all are, as in every common vocabulary. */
  readonly malformed?: ReadonlyMap<number, Uint8Array> | undefined;
}

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** The typed array of each number type. Files and all supported hosts are little-endian. */
export const numberArrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float64: Float64Array,
} as const;

export type NumberType = keyof typeof numberArrays;

export type ValueType = NumberType | 'bool' | 'string' | 'array';

/** By GGUF's value type id. */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const satisfies readonly ValueType[];
