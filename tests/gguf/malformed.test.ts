import { describe, expect, test } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { memorySource } from '../support/memory-source.ts';
import { buildGguf } from './build-gguf.ts';
import { fileWith, header, join, string, typeIds, u32, u64 } from './raw-gguf.ts';

const notUtf8 = Uint8Array.of(0x61, 0xff, 0xfe);
const spare = new Uint8Array(4096);

const entry = (type: number, ...value: Uint8Array[]) => header(0, 1, string('key'), u32(type), ...value);
const array = (elementType: number, length: number | bigint, ...elements: Uint8Array[]) =>
  entry(typeIds.array, u32(elementType), u64(length), ...elements);
const alignment = (value: MetadataValue) => join(header(0, 1), ...alignmentEntry(value), spare);
function alignmentEntry({ type, value }: MetadataValue): Uint8Array[] {
  const encoded =
    type === 'string' ? string(value) : type === 'uint64' ? u64(value as number) : u32(value as number);
  return [string('general.alignment'), u32(typeIds[type as 'uint32']), encoded];
}

async function failure(bytes: Uint8Array): Promise<HearthError> {
  const error = await openGguf(memorySource(bytes)).then(
    () => new Error('opened'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HearthError)) throw error;
  return error;
}

describe('a malformed file is refused with a stable code', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'GGUF_TRUNCATED'],
    ['something else', new TextEncoder().encode('PK\x03\x04 a zip archive'), 'GGUF_NOT_GGUF'],
    ['version 1', join(string('').subarray(8), header(0, 0).with(4, 1)), 'GGUF_UNSUPPORTED_VERSION'],
    ['version 4', header(0, 0).with(4, 4), 'GGUF_UNSUPPORTED_VERSION'],
    ['big-endian', header(0, 0).with(4, 0).with(7, 3), 'GGUF_UNSUPPORTED_VERSION'],

    ['2^64 - 1 tensors', header(2n ** 64n - 1n, 0, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['2^53 tensors', header(2n ** 53n, 0, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['a billion tensors', header(1e9, 0, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['more tensors than the file can hold', header(1000, 0, spare), 'GGUF_TRUNCATED'],
    ['2^63 entries', header(0, 2n ** 63n, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['more entries than the file can hold', header(0, 1000, spare), 'GGUF_TRUNCATED'],

    ['an empty key', header(0, 1, string(''), spare), 'GGUF_BAD_METADATA'],
    [
      'a key of 70000 bytes',
      header(0, 1, string(new Uint8Array(70_000).fill(97)), spare),
      'GGUF_BAD_METADATA',
    ],
    ['a key longer than the file', header(0, 1, u64(1e6), spare), 'GGUF_TRUNCATED'],
    ['a key of 2^60 bytes', header(0, 1, u64(2n ** 60n), spare), 'GGUF_LIMIT_EXCEEDED'],
    ['a key that is not UTF-8', header(0, 1, string(notUtf8), spare), 'GGUF_BAD_METADATA'],
    [
      'a key that appears twice',
      header(0, 2, string('a'), u32(7), u32(0).subarray(3), string('a'), u32(7), spare),
      'GGUF_BAD_METADATA',
    ],
    ['value type 13', entry(13, spare), 'GGUF_BAD_METADATA'],
    ['value type 2^32 - 1', entry(0xffffffff, spare), 'GGUF_BAD_METADATA'],
    ['a boolean of value 2', entry(typeIds.bool, Uint8Array.of(2), spare), 'GGUF_BAD_METADATA'],
    ['a string longer than the file', entry(typeIds.string, u64(2 ** 40), spare), 'GGUF_TRUNCATED'],
    ['a string of 2^64 - 1 bytes', entry(typeIds.string, u64(2n ** 64n - 1n), spare), 'GGUF_LIMIT_EXCEEDED'],

    ['an array of type 13', array(13, 1, spare), 'GGUF_BAD_METADATA'],
    ['an array of arrays', array(typeIds.array, 1, u32(0), u64(0), spare), 'GGUF_BAD_METADATA'],
    [
      'an array with a boolean of value 255',
      array(typeIds.bool, 2, Uint8Array.of(1, 255), spare),
      'GGUF_BAD_METADATA',
    ],
    ['an array of 2^64 - 1 strings', array(typeIds.string, 2n ** 64n - 1n, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['an array of 2^30 strings', array(typeIds.string, 2 ** 30, spare), 'GGUF_LIMIT_EXCEEDED'],
    ['an array of more strings than fit', array(typeIds.string, 10_000_000, spare), 'GGUF_TRUNCATED'],
    [
      'an array whose last string is cut off',
      array(typeIds.string, 2, string('a'), u64(9000), spare),
      'GGUF_TRUNCATED',
    ],
    ['an array of more numbers than fit', array(typeIds.float64, 10_000_000, spare), 'GGUF_TRUNCATED'],
    [
      'an array whose byte count passes 2^64',
      array(typeIds.float64, 2n ** 61n + 1n, spare),
      'GGUF_LIMIT_EXCEEDED',
    ],

    ['no alignment', alignment({ type: 'uint32', value: 0 }), 'GGUF_BAD_METADATA'],
    ['an alignment of 4', alignment({ type: 'uint32', value: 4 }), 'GGUF_BAD_METADATA'],
    ['an alignment of 48', alignment({ type: 'uint32', value: 48 }), 'GGUF_BAD_METADATA'],
    ['an alignment of 2^31', alignment({ type: 'uint32', value: 2 ** 31 }), 'GGUF_BAD_METADATA'],
    ['an alignment of type uint64', alignment({ type: 'uint64', value: 32 }), 'GGUF_BAD_METADATA'],
    ['an alignment in words', alignment({ type: 'string', value: '32' }), 'GGUF_BAD_METADATA'],

    ['an empty tensor name', fileWith([{ name: '' }]), 'GGUF_BAD_TENSOR'],
    ['a tensor name of 256 bytes', fileWith([{ name: 'x'.repeat(256) }]), 'GGUF_BAD_TENSOR'],
    ['a tensor name that is not UTF-8', fileWith([{ name: notUtf8 }]), 'GGUF_BAD_TENSOR'],
    ['two tensors of one name', fileWith([{}, { offset: 32 }]), 'GGUF_BAD_TENSOR'],
    ['no dimensions', fileWith([{ dimensions: 0 }]), 'GGUF_BAD_TENSOR'],
    ['5 dimensions', fileWith([{ sizes: [1, 1, 1, 1, 1] }]), 'GGUF_BAD_TENSOR'],
    ['2^32 - 1 dimensions', fileWith([{ dimensions: 0xffffffff }]), 'GGUF_BAD_TENSOR'],
    ['a size of 0', fileWith([{ sizes: [8, 0] }]), 'GGUF_BAD_TENSOR'],
    ['a size of 2^64 - 1', fileWith([{ sizes: [2n ** 64n - 1n] }]), 'GGUF_LIMIT_EXCEEDED'],
    ['sizes whose product wraps to 0', fileWith([{ sizes: [2n ** 32n, 2n ** 32n] }]), 'GGUF_BAD_TENSOR'],
    ['sizes whose product wraps to 8', fileWith([{ sizes: [2n ** 52n, 2n ** 12n, 8] }]), 'GGUF_BAD_TENSOR'],
    ['a byte count past 2^53', fileWith([{ sizes: [2n ** 52n] }]), 'GGUF_BAD_TENSOR'],
    ['rows of a block and a half', fileWith([{ sizes: [48, 2], type: 2 }]), 'GGUF_BAD_TENSOR'],
    ['rows that are blocks only together', fileWith([{ sizes: [16, 2], type: 8 }]), 'GGUF_BAD_TENSOR'],

    ['an offset off the alignment', fileWith([{ offset: 8 }]), 'GGUF_BAD_TENSOR'],
    ['an offset at the end', fileWith([{ offset: 64 }]), 'GGUF_TRUNCATED'],
    ['an offset far outside', fileWith([{ offset: 2 ** 40 }]), 'GGUF_TRUNCATED'],
    ['an offset of 2^53', fileWith([{ offset: 2n ** 53n }]), 'GGUF_LIMIT_EXCEEDED'],
    ['an offset that wraps to the start', fileWith([{ offset: 2n ** 64n - 32n }]), 'GGUF_LIMIT_EXCEEDED'],
    ['a tensor that ends outside', fileWith([{ sizes: [17] }]), 'GGUF_TRUNCATED'],
    ['two tensors in one place', fileWith([{}, { name: 'b' }]), 'GGUF_BAD_TENSOR'],
    [
      'overlapping tensors, out of order',
      fileWith([{ offset: 32 }, { name: 'b', sizes: [9] }]),
      'GGUF_BAD_TENSOR',
    ],
    ['a tensor inside another', fileWith([{ sizes: [16] }, { name: 'b', offset: 32 }]), 'GGUF_BAD_TENSOR'],
  ])('%s', async (_, bytes, code) => {
    expect(await failure(bytes)).toMatchObject({ code });
  });

  test('the file next to each of these is good', async () => {
    await openGguf(memorySource(fileWith([{}, { name: 'b', offset: 32 }])));
    await openGguf(memorySource(fileWith([{ offset: 32 }, { name: 'b' }])));
    await openGguf(memorySource(alignment({ type: 'uint32', value: 8 })));
    await openGguf(memorySource(header(0, 0)));
  });

  test.each([
    [17, 'IQ2_XS'],
    [4, 'Q4_2 (removed from ggml)'],
    [26, 'I32'],
    [999, 'an unknown type'],
  ])(
    'type %i is refused by its name, with the tensor and the types that are supported',
    async (type, name) => {
      const error = await failure(fileWith([{ name: 'blk.0.attn_q.weight', sizes: [256], type }]));
      expect(error.code).toBe('GGUF_UNKNOWN_TYPE');
      for (const part of ['blk.0.attn_q.weight', name, String(type), 'F32', 'Q4_K', 'IQ4_XS']) {
        expect(error.message).toContain(part);
      }
      expect(error.fields).toEqual({ tensor: 'blk.0.attn_q.weight', type: name, ggmlType: type });
    },
  );

  test('a big-endian file is told from one of an unknown version', async () => {
    expect((await failure(header(0, 0).with(4, 0).with(7, 3))).message).toContain('big-endian');
    expect((await failure(header(0, 0).with(4, 9))).message).toContain('version 9');
  });
});

describe('a file cut off anywhere is refused', () => {
  const whole = buildGguf(
    {
      'general.architecture': { type: 'string', value: 'llama' },
      'llama.block_count': { type: 'uint32', value: 2 },
      'tokenizer.ggml.tokens': { type: 'string[]', value: ['<s>', '', 'ä', '▁the'] },
      'tokenizer.ggml.scores': { type: 'float32[]', value: Float32Array.of(0, -1, -2.5) },
      'tokenizer.ggml.add_bos_token': { type: 'bool', value: true },
    },
    [
      { name: 'a', type: 'F32', shape: [2, 3], data: new Uint8Array(24).fill(1) },
      { name: 'b', type: 'Q4_0', shape: [1, 32], data: new Uint8Array(18).fill(2) },
    ],
  );
  const paddingBytes = 32 - 18;

  test('as truncated, at every byte', async () => {
    const codes = new Set<string>();
    for (let length = 0; length < whole.length - paddingBytes; length++) {
      codes.add((await failure(whole.slice(0, length))).code);
    }
    expect([...codes]).toEqual(['GGUF_TRUNCATED']);
  });

  test('except in the padding behind the last tensor, which holds nothing', async () => {
    const file = await openGguf(memorySource(whole.slice(0, whole.length - paddingBytes)));
    expect(await file.readTensor('b')).toEqual(new Uint8Array(18).fill(2));
  });
});

test('a failing source is closed and its error passed on', async () => {
  let closed = 0;
  const source = {
    name: 'gone.gguf',
    byteLength: 1000,
    read: () => Promise.reject(new HearthError('FILE_READ_FAILED', 'the disk is gone')),
    close: async () => void closed++,
  };
  await expect(openGguf(source)).rejects.toMatchObject({ code: 'FILE_READ_FAILED' });
  expect(closed).toBe(1);
});
