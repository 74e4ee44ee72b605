import { describe, expect, test } from 'vitest';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { encodeHeader } from '../../runtime/gguf/header-writer.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { memorySource } from '../support/memory-source.ts';
import { type BuiltTensor, buildGguf } from './build-gguf.ts';
import { fileWith, header, join, string, typeIds, u32, u64 } from './raw-gguf.ts';
import { SparseSource } from './sparse-source.ts';

const distinctBytes = (length: number, first: number) => new Uint8Array(length).map((_, i) => first + i * 3);

const tensors: BuiltTensor[] = [
  { name: 'token_embd.weight', type: 'Q4_0', shape: [3, 64], data: distinctBytes(3 * 36, 1) },
  { name: 'norm.weight', type: 'F32', shape: [5], data: distinctBytes(20, 2) },
  { name: 'experts', type: 'F16', shape: [2, 3, 4], data: distinctBytes(48, 3) },
  { name: 'deep', type: 'Q8_0', shape: [2, 1, 2, 32], data: distinctBytes(4 * 34, 4) },
];

const metadata: Record<string, MetadataValue> = {
  'general.architecture': { type: 'string', value: 'llama' },
  'a.uint8': { type: 'uint8', value: 255 },
  'a.int8': { type: 'int8', value: -128 },
  'a.uint16': { type: 'uint16', value: 65535 },
  'a.int16': { type: 'int16', value: -32768 },
  'a.uint32': { type: 'uint32', value: 4294967295 },
  'a.int32': { type: 'int32', value: -2147483648 },
  'a.float32': { type: 'float32', value: Math.fround(0.1) },
  'a.float64': { type: 'float64', value: 0.1 },
  'a.uint64': { type: 'uint64', value: 2 ** 53 - 1 },
  'a.int64': { type: 'int64', value: -(2 ** 53 - 1) },
  'a.big': { type: 'uint64', value: 2n ** 64n - 1n },
  'a.bool': { type: 'bool', value: true },
  'a.text': { type: 'string', value: 'ünïcödé \u{1f525} \u0000 \ufeff' },
  'a.empty': { type: 'string', value: '' },
  'array.float32': { type: 'float32[]', value: Float32Array.of(0, -1.5, Number.NEGATIVE_INFINITY) },
  'array.int32': { type: 'int32[]', value: Int32Array.of(1, -1, 6) },
  'array.int64': { type: 'int64[]', value: BigInt64Array.of(-(2n ** 63n), 5n) },
  'array.bool': { type: 'bool[]', value: [true, false, true] },
  'array.strings': { type: 'string[]', value: ['<s>', '', '\ufeff', '\ufffd', 'Ġthe'] },
  'array.none': { type: 'string[]', value: [] },
};

describe('a file that the writer made', () => {
  test('has the metadata that went in, typed', async () => {
    const file = await openGguf(memorySource(buildGguf(metadata)));
    expect(file.version).toBe(3);
    expect(file.name).toBe('memory.gguf');
    expect([...file.metadata.entries()]).toEqual(Object.entries(metadata));
  });

  test.each([8, 32, 64, 4096])('has the tensors that went in, at alignment %i', async (alignment) => {
    const bytes = buildGguf(
      { ...metadata, 'general.alignment': { type: 'uint32', value: alignment } },
      tensors,
    );
    const file = await openGguf(memorySource(bytes));
    expect(file.byteLength).toBe(bytes.length);
    expect([...file.tensors.keys()]).toEqual(tensors.map(({ name }) => name));
    for (const { name, type, shape, data } of tensors) {
      expect(file.tensors.get(name)).toMatchObject({
        name,
        type,
        shape,
        byteLength: data.length,
        partIndex: 0,
      });
      expect(file.tensors.get(name)!.byteOffset % alignment).toBe(0);
      expect(await file.readTensor(name)).toEqual(data);
    }
  });

  test('tells the elements and the row bytes of each tensor', async () => {
    const file = await openGguf(memorySource(buildGguf({}, tensors)));
    const sizes = [...file.tensors.values()].map(({ elementCount, rowByteLength }) => [
      elementCount,
      rowByteLength,
    ]);
    expect(sizes).toEqual([
      [192, 36],
      [5, 20],
      [24, 8],
      [128, 34],
    ]);
  });

  test('reads ranges of a tensor and nothing outside it', async () => {
    const file = await openGguf(memorySource(buildGguf({}, tensors)));
    const { name, data } = tensors[0]!;
    expect(await file.readTensor(name, 36, 36)).toEqual(data.slice(36, 72));
    expect(await file.readTensor(name, 100)).toEqual(data.slice(100));
    expect(await file.readTensor(name, data.length, 0)).toEqual(new Uint8Array(0));
    for (const [start, length] of [
      [-1, 4],
      [0, data.length + 1],
      [data.length, 1],
      [4, -1],
    ] as const) {
      await expect(file.readTensor(name, start, length)).rejects.toThrow('token_embd.weight');
    }
    await expect(file.readTensor('missing')).rejects.toMatchObject({ code: 'MODEL_BAD_TENSOR' });
  });

  test('is read as version 2 as well, which is laid out alike', async () => {
    const file = await openGguf(memorySource(buildGguf(metadata, tensors).with(4, 2)));
    expect(file.version).toBe(2);
    expect([...file.metadata.entries()]).toEqual(Object.entries(metadata));
    expect(await file.readTensor('deep')).toEqual(tensors[3]!.data);
  });

  test('may be a vocabulary without tensors', async () => {
    const file = await openGguf(
      memorySource(buildGguf({ 'tokenizer.ggml.tokens': { type: 'string[]', value: ['a'] } })),
    );
    expect(file.tensors.size).toBe(0);
    expect(file.metadata.strings('tokenizer.ggml.tokens')).toEqual(['a']);
  });
});

test('the header is laid out as docs/gguf.md says', () => {
  const entries = new Map<string, MetadataValue>([['k', { type: 'uint32[]', value: Uint32Array.of(7) }]]);
  const written = encodeHeader(entries, [{ name: 'w', type: 'Q4_0', shape: [3, 64] }]);
  const expected = header(
    1,
    1,
    join(string('k'), u32(typeIds.array), u32(typeIds.uint32), u64(1), u32(7)),
    join(string('w'), u32(2), u64(64), u64(3), u32(2), u64(0)),
  );
  expect(written.subarray(0, expected.length)).toEqual(expected);
  expect(written.length).toBe(Math.ceil(expected.length / 32) * 32);
});

test('strings that are not UTF-8 are readable, and arrays keep their bytes', async () => {
  const broken = Uint8Array.of(0xe2, 0x96);
  const head = join(string('tokens'), u32(typeIds.array), u32(typeIds.string), u64(3));
  const bytes = header(0, 1, head, string('▁a'), string(broken), string('\ufffd'));
  const { metadata: read } = await openGguf(memorySource(bytes));
  expect(read.strings('tokens')).toEqual(['▁a', '\ufffd', '\ufffd']);
  expect(read.malformedStrings('tokens')).toEqual(new Map([[1, broken]]));
  expect(buildGguf(Object.fromEntries(read.entries())).subarray(0, bytes.length)).toEqual(bytes);

  const lone = header(0, 1, string('text'), u32(typeIds.string), string(Uint8Array.of(0x61, 0xff)));
  const { metadata: text } = await openGguf(memorySource(lone));
  expect(text.string('text')).toBe('a\ufffd');
  expect(text.malformedStrings('text').size).toBe(0);
});

test('tensors need not be in the order of their offsets, nor close together', async () => {
  const bytes = fileWith([{ name: 'b', offset: 128 }, { name: 'a' }], 160);
  bytes.fill(9, bytes.length - 32);
  const file = await openGguf(memorySource(bytes));
  expect(await file.readTensor('a')).toEqual(new Uint8Array(32));
  expect(await file.readTensor('b')).toEqual(new Uint8Array(32).fill(9));
});

test('a file of 14 GB is opened by reading its header alone, and read beyond 4 GiB', async () => {
  const start = encodeHeader(new Map(), [
    { name: 'large', type: 'F32', shape: [3, 1_200_000_000] },
    { name: 'last', type: 'Q4_0', shape: [2, 32] },
  ]);
  const largeBytes = 3 * 1_200_000_000 * 4;
  const source = new SparseSource(start, start.length + largeBytes + 64);
  const file = await openGguf(source);
  expect(source.readBytes).toBe(64 * 1024);
  expect(file.tensors.get('large')).toMatchObject({ byteLength: largeBytes, rowByteLength: 4_800_000_000 });
  const at = start.length + largeBytes;
  expect(at).toBeGreaterThan(3 * 2 ** 32);
  expect(file.tensors.get('last')!.byteOffset).toBe(at);
  expect([...(await file.readTensor('last', 0, 4))]).toEqual(
    [0, 1, 2, 3].map((i) => SparseSource.byteAt(at + i)),
  );
  expect([...(await file.readTensor('large', largeBytes - 2, 2))]).toEqual(
    [at - 2, at - 1].map(SparseSource.byteAt),
  );

  const cutOff = new SparseSource(start, start.length + largeBytes + 35);
  await expect(openGguf(cutOff)).rejects.toMatchObject({ code: 'GGUF_TRUNCATED' });
});

test('a vocabulary of 256k tokens is read in many chunks', async () => {
  const tokens = Array.from({ length: 262_144 }, (_, i) => (i % 5 ? `Ġtoken${i}` : `▁${i}é`));
  const bytes = buildGguf({
    'tokenizer.ggml.tokens': { type: 'string[]', value: tokens },
    'tokenizer.ggml.scores': { type: 'float32[]', value: Float32Array.from(tokens, (_, i) => -i) },
  });
  const file = await openGguf(memorySource(bytes));
  expect(file.metadata.strings('tokenizer.ggml.tokens').every((token, i) => token === tokens[i])).toBe(true);
  expect(file.metadata.strings('tokenizer.ggml.tokens')).toHaveLength(tokens.length);
  expect(file.metadata.numbers('tokenizer.ggml.scores').at(-1)).toBe(-262_143);
});
