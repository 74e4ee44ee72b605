import { HearthError } from '../error.ts';
import { HeaderCursor } from './cursor.ts';
import {
  MAX_ARRAY_LENGTH,
  MAX_KEY_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_TENSOR_NAME_BYTES,
  MAX_TENSORS,
} from './limits.ts';
import type { ByteSource } from './source.ts';
import { StringTable } from './string-table.ts';
import { readTensorInfo, type TensorInfo } from './tensor-info.ts';
import { lenientUtf8, strictUtf8 } from './utf8.ts';
import { type MetadataValue, numberArrays, type StringArrayValue, valueTypes } from './value.ts';

/** What a GGUF file (or one part of a split one) says before its tensor data. */
export interface GgufHeader {
  /** 2 or 3, which are laid out alike. */
  readonly version: number;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: readonly TensorInfo[];
  /** Where the header ends; the data starts at the next multiple of the alignment. */
  readonly byteLength: number;
}

/** `GGUF` in ASCII, as a little-endian u32. */
export const GGUF_MAGIC = 0x46554747;
/** `PWRI`: PowerInfer's files, which are else laid out alike. */
const POWERINFER_MAGIC = 0x49525750;

/** The least that an entry takes: key length, one character, type, one byte; and name, dimensions, type, offset. */
const SMALLEST_ENTRY_BYTES = 8 + 1 + 4 + 1;
const SMALLEST_TENSOR_INFO_BYTES = 8 + 1 + 4 + 8 + 4 + 8;

/**
 * Reads a header as ggml's docs/gguf.md lays it out: magic, version, counts, metadata, tensor infos.
 * @throws HearthError GGUF_NOT_GGUF, GGUF_UNSUPPORTED_VERSION, GGUF_TRUNCATED, GGUF_LIMIT_EXCEEDED,
 *   GGUF_BAD_METADATA, GGUF_BAD_TENSOR, GGUF_UNKNOWN_TYPE
 */
export async function readHeader(source: ByteSource): Promise<GgufHeader> {
  const cursor = new HeaderCursor(source);
  const version = await readVersion(cursor, source.name);
  const tensorCount = await readCount(cursor, 'tensors', MAX_TENSORS, SMALLEST_TENSOR_INFO_BYTES);
  const entryCount = await readCount(cursor, 'metadata entries', MAX_METADATA_ENTRIES, SMALLEST_ENTRY_BYTES);

  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = await readName(cursor, 'metadata key', MAX_KEY_BYTES, 'GGUF_BAD_METADATA');
    if (metadata.has(key)) throw badMetadata(key, 'appears twice');
    metadata.set(key, await readValue(cursor, key));
  }

  const tensors: TensorInfo[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = await readName(cursor, 'tensor name', MAX_TENSOR_NAME_BYTES, 'GGUF_BAD_TENSOR');
    tensors.push(await readTensorInfo(cursor, name));
  }
  return { version, metadata, tensors, byteLength: cursor.byteOffset };
}

async function readVersion(cursor: HeaderCursor, file: string): Promise<number> {
  const magic = await cursor.u32();
  if (magic !== GGUF_MAGIC && magic !== POWERINFER_MAGIC) {
    throw new HearthError('GGUF_NOT_GGUF', `${file} is not a GGUF file: it does not start with "GGUF"`, {
      file,
    });
  }
  const version = await cursor.u32();
  if (version === 2 || version === 3) return version;
  const reason =
    (version & 0xffff) === 0
      ? 'is a big-endian GGUF file; only little-endian ones are supported'
      : `is of GGUF version ${version}; versions 2 and 3 are supported`;
  throw new HearthError('GGUF_UNSUPPORTED_VERSION', `${file} ${reason}`, { file, version });
}

async function readCount(
  cursor: HeaderCursor,
  what: string,
  limit: number,
  smallestBytes: number,
): Promise<number> {
  const count = await cursor.u64();
  checkCount(count, what, limit);
  cursor.expect(count * smallestBytes);
  return count;
}

function checkCount(count: number, what: string, limit: number): void {
  if (count <= limit) return;
  throw new HearthError('GGUF_LIMIT_EXCEEDED', `the file announces ${count} ${what}; the limit is ${limit}`, {
    count,
    limit,
  });
}

async function readName(
  cursor: HeaderCursor,
  what: string,
  limitBytes: number,
  code: 'GGUF_BAD_METADATA' | 'GGUF_BAD_TENSOR',
): Promise<string> {
  const bytes = await cursor.string();
  if (bytes.length === 0 || bytes.length > limitBytes) {
    throw new HearthError(code, `a ${what} has ${bytes.length} bytes; it must have 1 to ${limitBytes}`, {
      byteLength: bytes.length,
    });
  }
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new HearthError(code, `a ${what} is not UTF-8`, {}, cause);
  }
}

async function readValue(cursor: HeaderCursor, key: string): Promise<MetadataValue> {
  const type = await readValueType(cursor, key);
  switch (type) {
    case 'string':
      return { type, value: lenientUtf8.decode(await cursor.string()) };
    case 'bool':
      return { type, value: toBoolean((await cursor.bytes(1))[0]!, key) };
    case 'array':
      return readArray(cursor, key);
    default: {
      const bytes = await cursor.bytes(numberArrays[type].BYTES_PER_ELEMENT);
      return { type, value: toNumber(new numberArrays[type](bytes.buffer)[0]!) };
    }
  }
}

async function readArray(cursor: HeaderCursor, key: string): Promise<MetadataValue> {
  const type = await readValueType(cursor, key);
  const length = await cursor.u64();
  checkCount(length, `elements in ${key}`, MAX_ARRAY_LENGTH);
  switch (type) {
    case 'string':
      return readStrings(cursor, length);
    case 'bool':
      return {
        type: 'bool[]',
        value: Array.from(await cursor.bytes(length), (byte) => toBoolean(byte, key)),
      };
    case 'array':
      throw badMetadata(key, 'is an array of arrays, which no model uses');
    default: {
      const bytes = await cursor.bytes(length * numberArrays[type].BYTES_PER_ELEMENT);
      return { type: `${type}[]`, value: new numberArrays[type](bytes.buffer) };
    }
  }
}

async function readStrings(cursor: HeaderCursor, length: number): Promise<StringArrayValue> {
  cursor.expect(length * 8);
  const table = new StringTable(length);
  await cursor.eachString(length, (bytes) => table.add(bytes));
  return {
    type: 'string[]',
    get value() {
      return table.decoded.value;
    },
    get malformed() {
      return table.decoded.malformed;
    },
  };
}

async function readValueType(cursor: HeaderCursor, key: string): Promise<(typeof valueTypes)[number]> {
  const id = await cursor.u32();
  const type = valueTypes[id];
  if (type === undefined) throw badMetadata(key, `has the unknown type ${id}`);
  return type;
}

function toBoolean(byte: number, key: string): boolean {
  if (byte > 1) throw badMetadata(key, `is a boolean of value ${byte}`);
  return byte === 1;
}

function toNumber(value: number | bigint): number | bigint {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function badMetadata(key: string, problem: string): HearthError {
  return new HearthError('GGUF_BAD_METADATA', `the file's metadata ${key} ${problem}`, { key });
}
