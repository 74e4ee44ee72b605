import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelContents } from '../../coordinator/files/write-model.ts';
import { encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import { quantizeModel, type RowEncoder } from '../../coordinator/quantize/quantize.ts';
import { quantizeTargetNamed, quantizeTargets } from '../../coordinator/quantize/targets.ts';
import { type GgufFile, type GgufTensor, openGguf } from '../../runtime/gguf/gguf.ts';
import { Metadata } from '../../runtime/gguf/metadata.ts';
import { writeGguf } from '../../runtime/gguf/writer.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { type BuiltTensor, buildGguf } from '../gguf/build-gguf.ts';
import { editedModel, type ModelParts } from '../support/edited-model.ts';
import { memorySource } from '../support/memory-source.ts';
import { Random } from '../support/random.ts';
import { smallShape, syntheticModel } from '../support/synthetic-model.ts';

const small = { ...smallShape, layerCount: 2, type: 'F16' } as const;

let model: Uint8Array;
beforeAll(async () => {
  model = await syntheticModel(small);
});

/** Encodes in this thread. */
const inline: RowEncoder = { width: 1, encode: async (job) => encodeRows(job) };

const open = (bytes: Uint8Array): Promise<GgufFile> => openGguf(memorySource(bytes));

async function quantized(source: GgufFile, target: string, encoder = inline): Promise<GgufFile> {
  return open(await bytesOf(quantizeModel(source, quantizeTargetNamed(target), encoder)));
}

async function bytesOf({ metadata, tensors }: ModelContents): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeGguf(metadata, tensors)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function values(file: GgufFile, { name, type, elementCount }: GgufTensor): Promise<Float32Array> {
  const decoded = new Float32Array(elementCount);
  quantFormatNamed(type).decode(await file.readTensor(name), decoded);
  return decoded;
}

/** RMS of the difference over RMS of the source. */
function relativeError(source: Float32Array, copy: Float32Array): number {
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares(source.map((value, i) => value - copy[i]!)) / squares(source));
}

/** Of the coarsest type that a target gives to any matrix; the encoders' own tests have the same bounds. */
const errorBounds: Record<string, number> = {
  F16: 0.0003,
  Q8_0: 0.006,
  Q6_K: 0.02,
  Q4_K_M: 0.075,
  Q4_K: 0.075,
  Q4_0: 0.09,
};

describe.each(quantizeTargets)('quantizeModel to $name', ({ name, fileType }) => {
  let source: GgufFile;
  beforeAll(async () => {
    source = await open(model);
  });

  it('makes a model that runs, with nearly the same weights', async () => {
    const file = await quantized(source, name);
    expect(new ModelFile(file).tiles.length).toBeGreaterThan(4);
    expect([...file.tensors.keys()]).toEqual([...source.tensors.keys()]);
    for (const tensor of source.tensors.values()) {
      const copy = file.tensors.get(tensor.name)!;
      expect(copy.shape).toEqual(tensor.shape);
      const error = relativeError(await values(source, tensor), await values(file, copy));
      expect(error, tensor.name).toBeLessThanOrEqual(tensor.shape.length === 1 ? 0 : errorBounds[name]!);
      if (copy.type !== tensor.type) expect(error, tensor.name).toBeGreaterThan(0);
    }
  });

  it('carries the metadata over and says what it is', async () => {
    const { metadata: entries } = quantizeModel(source, quantizeTargetNamed(name), inline);
    const metadata = new Metadata(entries);
    expect(metadata.number('general.file_type')).toBe(fileType);
    expect(metadata.number('general.quantization_version')).toBe(2);
    const others = (file: Metadata) =>
      [...file.entries()].filter(([key]) => !/file_type|quantization_version/.test(key));
    expect(others(metadata)).toEqual(others(source.metadata));
  });
});

describe('quantizeModel', () => {
  it('reads any type that it can decode', async () => {
    for (const type of ['F32', 'BF16', 'Q8_0', 'Q5_K'] as const) {
      const file = await quantized(
        await open(await syntheticModel({ ...small, layerCount: 1, type })),
        'Q4_0',
      );
      expect(file.tensors.get('blk.0.ffn_up.weight')!.type).toBe('Q4_0');
    }
  });

  it('encodes row range by row range what the whole tensor would be', async () => {
    const rows = 3000;
    const weights = Random.named(1, 'rows').fillNormal(new Float32Array(rows * 256), 1);
    const format = quantFormatNamed('Q4_K');
    const whole = new Uint8Array(rows * format.blockBytes);
    format.encode!(weights, whole);
    const data = new Uint8Array(weights.buffer);
    const source = await open(buildGguf({}, [{ name: 'a.weight', type: 'F32', shape: [rows, 256], data }]));
    const file = await quantized(source, 'Q4_K');
    expect(Buffer.from(await file.readTensor('a.weight')).equals(whole)).toBe(true);
  });

  it('keeps the order of ranges whatever the order in which they are done, and bounds how many there are', async () => {
    let running = 0;
    let most = 0;
    const uneven: RowEncoder = {
      width: 3,
      async encode(job) {
        most = Math.max(most, ++running);
        for (let i = 0; i < (job.bytes[1]! % 5) + 1; i += 1) await new Promise(setImmediate);
        running -= 1;
        return encodeRows(job);
      },
    };
    const rows = 20_000;
    const weights = Random.named(2, 'rows').fillNormal(new Float32Array(rows * 128), 1);
    const data = new Uint8Array(weights.buffer);
    const source = await open(buildGguf({}, [{ name: 'a.weight', type: 'F32', shape: [rows, 128], data }]));
    const file = await quantized(source, 'Q8_0', uneven);
    const expected = await quantized(source, 'Q8_0');
    expect(Buffer.from(await file.readTensor('a.weight')).equals(await expected.readTensor('a.weight'))).toBe(
      true,
    );
    expect(most).toBe(6);
  });

  it('joins a split file to one', async () => {
    const names = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'];
    const parts = await split(model);
    const source = await openGguf(memorySource(parts[0]!, names[0]), async (name) =>
      memorySource(parts[names.indexOf(name)]!, name),
    );
    const joined = await bytesOf(quantizeModel(source, quantizeTargetNamed('Q8_0'), inline));
    const direct = await bytesOf(quantizeModel(await open(model), quantizeTargetNamed('Q8_0'), inline));
    expect(Buffer.from(joined).equals(direct)).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e6])('refuses a weight of %s', async (weight) => {
    const bytes = await editedModel(
      ({ tensors }: ModelParts) => {
        const tensor = tensors.find(({ name }) => name === 'blk.0.ffn_up.weight')!;
        new DataView(tensor.data.buffer, tensor.data.byteOffset).setFloat32(4000, weight, true);
      },
      { type: 'F32' },
    );
    const source = await open(bytes);
    await expect(quantized(source, 'Q4_0')).rejects.toMatchObject({
      code: 'MODEL_BAD_TENSOR',
      fields: { tensor: 'blk.0.ffn_up.weight' },
    });
  });
});

/** Metadata in the first part; the tensors divided between two. */
async function split(whole: Uint8Array): Promise<Uint8Array[]> {
  const gguf = await open(whole);
  const tensors: BuiltTensor[] = [];
  for (const { name, type, shape } of gguf.tensors.values())
    tensors.push({ name, type, shape, data: await gguf.readTensor(name) });
  const numbering = (no: number) =>
    ({
      'split.no': { type: 'uint16', value: no },
      'split.count': { type: 'uint16', value: 2 },
      'split.tensors.count': { type: 'int32', value: tensors.length },
    }) as const;
  return [
    buildGguf({ ...Object.fromEntries(gguf.metadata.entries()), ...numbering(0) }, tensors.slice(0, 8)),
    buildGguf(numbering(1), tensors.slice(8)),
  ];
}
