import { describe, expect, test } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { ByteSource } from '../../runtime/gguf/source.ts';
import { parseSplitName, partNames } from '../../runtime/gguf/split.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { memorySource } from '../support/memory-source.ts';
import { type BuiltTensor, buildGguf } from './build-gguf.ts';

const nameOfPart = (number: number) => `model-0000${number}-of-00003.gguf`;

const tensor = (name: string, fill: number): BuiltTensor => ({
  name,
  type: 'F32',
  shape: [4],
  data: new Uint8Array(16).fill(fill),
});

interface PartOptions {
  readonly no: number;
  readonly count?: MetadataValue;
  readonly tensorsCount?: number;
  readonly tensors: readonly BuiltTensor[];
}

/** A part as llama.cpp's gguf-split writes it: split.no and split.count as uint16, the tensor count as int32. */
function part({
  no,
  count = { type: 'uint16', value: 3 },
  tensorsCount = 4,
  tensors,
}: PartOptions): Uint8Array {
  const first: Record<string, MetadataValue> =
    no === 0 ? { 'general.architecture': { type: 'string', value: 'llama' } } : {};
  return buildGguf(
    {
      ...first,
      'split.no': { type: 'uint16', value: no },
      'split.count': count,
      'split.tensors.count': { type: 'int32', value: tensorsCount },
    },
    tensors,
  );
}

const good: readonly PartOptions[] = [
  { no: 0, tensors: [] },
  { no: 1, tensors: [tensor('a', 1), tensor('b', 2)] },
  { no: 2, tensors: [tensor('c', 3), tensor('d', 4)] },
];

/** Sources of the parts, by name, that count how often they are closed. */
function sources(parts: readonly PartOptions[], firstName = nameOfPart(1)) {
  const closed: string[] = [];
  const files = new Map<string, ByteSource>();
  for (const [i, options] of parts.entries()) {
    const name = i === 0 ? firstName : nameOfPart(i + 1);
    files.set(name, { ...memorySource(part(options), name), close: async () => void closed.push(name) });
  }
  const openPart = async (name: string) => {
    const source = files.get(name);
    if (source === undefined) throw new HearthError('FILE_NOT_FOUND', name);
    return source;
  };
  return { first: files.get(firstName)!, openPart, closed };
}

describe('a split file', () => {
  test('opens as one, with the tensors of all parts and the metadata of the first', async () => {
    const { first, openPart, closed } = sources(good);
    const file = await openGguf(first, openPart);
    expect(file.metadata.string('general.architecture')).toBe('llama');
    expect([...file.tensors.values()].map(({ name, partIndex }) => [name, partIndex])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 2],
      ['d', 2],
    ]);
    expect(await file.readTensor('b')).toEqual(new Uint8Array(16).fill(2));
    expect(await file.readTensor('c', 4, 4)).toEqual(new Uint8Array(4).fill(3));
    expect(file.byteLength).toBe(good.reduce((sum, options) => sum + part(options).length, 0));
    expect(closed).toEqual([]);
    await file.close();
    expect(closed.sort()).toEqual([1, 2, 3].map(nameOfPart));
  });

  test('of one part needs no others', async () => {
    const one = {
      no: 0,
      count: { type: 'uint16', value: 1 },
      tensorsCount: 1,
      tensors: [tensor('a', 1)],
    } as const;
    expect((await openGguf(sources([one], 'any.gguf').first)).tensors.size).toBe(1);
  });

  const replace = (index: number, change: Partial<PartOptions>) =>
    good.map((options, i) => (i === index ? { ...options, ...change } : options));

  test.each<[string, readonly PartOptions[], string]>([
    ['a missing part', good.slice(0, 2), 'FILE_NOT_FOUND'],
    ['parts in the wrong order', [good[0]!, good[2]!, good[1]!], 'GGUF_BAD_SPLIT'],
    ['a middle part opened first', [good[1]!, good[1]!, good[2]!], 'GGUF_BAD_SPLIT'],
    ['a part of a split in two', replace(2, { count: { type: 'uint16', value: 2 } }), 'GGUF_BAD_SPLIT'],
    ['a part of another model', replace(1, { tensorsCount: 5 }), 'GGUF_BAD_SPLIT'],
    ['fewer tensors than announced', replace(2, { tensors: [tensor('c', 3)] }), 'GGUF_BAD_SPLIT'],
    [
      'a tensor that is in two parts',
      replace(2, { tensors: [tensor('c', 3), tensor('a', 4)] }),
      'GGUF_BAD_TENSOR',
    ],
    ['a count that is a word', replace(0, { count: { type: 'string', value: '3' } }), 'GGUF_BAD_SPLIT'],
    [
      'a count unlike the name',
      replace(0, { count: { type: 'uint32', value: 4_000_000_000 } }),
      'GGUF_BAD_SPLIT',
    ],
  ])('with %s is refused, and all that was opened is closed', async (_, parts, code) => {
    const { first, openPart, closed } = sources(parts);
    const opened = [first.name];
    const counting = async (name: string) => {
      const source = await openPart(name);
      opened.push(name);
      return source;
    };
    await expect(openGguf(first, counting)).rejects.toMatchObject({ code });
    expect(closed.sort()).toEqual(opened.sort());
  });

  test('is refused where its other parts cannot be reached or named', async () => {
    await expect(openGguf(sources(good).first)).rejects.toMatchObject({ code: 'GGUF_BAD_SPLIT' });
    const renamed = sources(good, 'model.gguf');
    await expect(openGguf(renamed.first, renamed.openPart)).rejects.toMatchObject({ code: 'GGUF_BAD_SPLIT' });
  });
});

describe('names of parts', () => {
  test.each([
    ['m-00001-of-00002.gguf', ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']],
    ['dir/m-00002-of-00002.gguf', ['dir/m-00001-of-00002.gguf', 'dir/m-00002-of-00002.gguf']],
    ['https://h/m-00001-of-00001.gguf?download=true', ['https://h/m-00001-of-00001.gguf?download=true']],
    ['model.gguf', ['model.gguf']],
    ['m-00003-of-00002.gguf', ['m-00003-of-00002.gguf']],
    ['m-00000-of-00002.gguf', ['m-00000-of-00002.gguf']],
    ['m-1-of-2.gguf', ['m-1-of-2.gguf']],
  ])('from %s', (name, names) => expect(partNames(name)).toEqual(names));

  test('keep the query of a URL', () => {
    expect(partNames('https://h/m-00001-of-00012.gguf?x=1')[11]).toBe('https://h/m-00012-of-00012.gguf?x=1');
  });

  test('are taken apart', () => {
    expect(parseSplitName('m-00002-of-00012.gguf')).toEqual({
      prefix: 'm',
      index: 2,
      count: 12,
      ending: '.gguf',
    });
    expect(parseSplitName('m.gguf')).toBeUndefined();
  });
});
