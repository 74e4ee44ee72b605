import { openGguf } from '../../../runtime/gguf/gguf.ts';
import { GGUF_MAGIC } from '../../../runtime/gguf/header.ts';
import { ModelFile } from '../../../runtime/model/model-file.ts';
import { readVocabulary } from '../../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../../runtime/tokenizer/tokenizer.ts';
import { buildGguf } from '../../gguf/build-gguf.ts';
import { memorySource } from '../../support/memory-source.ts';
import { syntheticModel } from '../../support/synthetic-model.ts';
import { join, mutateBytes } from '../mutate-bytes.ts';
import type { Mutate, Target } from '../target.ts';

/** Model files: what they say of themselves, their tensors and tiles, and their vocabulary. */
export async function ggufTarget(): Promise<Target> {
  const plain = buildGguf(
    {
      'general.architecture': { type: 'string', value: 'llama' },
      'general.alignment': { type: 'uint32', value: 8 },
      'tokenizer.ggml.tokens': { type: 'string[]', value: ['<s>', 'a', 'bc', '▁the'] },
      'tokenizer.ggml.scores': { type: 'float32[]', value: Float32Array.of(0, -1, -2, -3) },
      flags: { type: 'bool[]', value: [true, false] },
      big: { type: 'int64', value: 2 ** 40 },
    },
    [
      { name: 'token_embd.weight', type: 'Q4_0', shape: [2, 32], data: new Uint8Array(36).fill(7) },
      { name: 'output_norm.weight', type: 'F32', shape: [6], data: new Uint8Array(24).fill(8) },
    ],
  );
  const sizes = {
    hiddenSize: 32,
    layerCount: 1,
    headCount: 2,
    kvHeadCount: 1,
    headDim: 32,
    intermediateSize: 64,
  };
  const models = await Promise.all([
    syntheticModel({ ...sizes, type: 'Q4_0', vocabSize: 300, vocabulary: 'bpe' }),
    syntheticModel({ ...sizes, type: 'F16', vocabSize: 400, vocabulary: 'spm', ropeFactors: true }),
    syntheticModel({ ...sizes, type: 'Q8_0', vocabSize: 300, architecture: 'qwen2', tiedEmbeddings: true }),
  ]);
  const powerInfer = join(new TextEncoder().encode('PWRI'), plain.subarray(4));
  return { seeds: [plain, powerInfer, ...models], mutate: mutateFields, read };
}

async function read(input: Uint8Array): Promise<string> {
  const gguf = await openGguf(memorySource(input));
  for (const { name } of gguf.tensors.values()) await gguf.readTensor(name);
  const model = new ModelFile(gguf);
  for (const spec of model.tiles.slice(0, 64)) await model.cutTile(spec);
  new Tokenizer(readVocabulary(gguf.metadata)).encode('The end.');
  return model.config.architecture;
}

/** A number in the header: a count, length, type, size or offset. */
interface Field {
  readonly at: number;
  readonly width: 4 | 8;
}

/** Half of the changes are of numbers in the header, and leave all else as it is. */
const mutateFields: Mutate = (input, random, another) => {
  if (random.integer(2)) return mutateBytes(input, random, another);
  const fields = headerFields(input);
  const bytes = input.slice();
  const view = new DataView(bytes.buffer);
  for (let left = 1 + random.integer(3); left > 0 && fields.length > 0; left -= 1) {
    const { at, width } = fields[random.integer(fields.length)]!;
    const old = width === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
    const values = [
      0n,
      1n,
      BigInt(random.integer(48)),
      old + 1n,
      old - 1n,
      old * 2n,
      1n << BigInt(random.integer(64)),
    ];
    const value = values[random.integer(values.length)]!;
    if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
    else view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
  return bytes;
};

const valueWidths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const stringType = 8;
const arrayType = 9;

/** Walks a header as far as it makes sense. */
function headerFields(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const number = (width: 4 | 8): number => {
    fields.push({ at, width });
    const value = width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
    at += width;
    return value;
  };
  const text = (): void => {
    at += number(8);
  };
  const value = (type: number): void => {
    if (type === stringType) text();
    else at += valueWidths[type] ?? 0;
  };
  try {
    if (number(4) !== GGUF_MAGIC) return fields;
    number(4);
    const [tensors, entries] = [number(8), number(8)];
    for (let i = 0; i < entries && fields.length < 2_000; i += 1) {
      text();
      const type = number(4);
      if (type !== arrayType) {
        value(type);
        continue;
      }
      const inner = number(4);
      const count = number(8);
      if (inner === stringType) for (let j = 0; j < count && j < 1_000; j += 1) text();
      else at += count * (valueWidths[inner] ?? 0);
    }
    for (let i = 0; i < tensors; i += 1) {
      text();
      const dimensions = number(4);
      for (let j = 0; j < dimensions; j += 1) number(8);
      number(4);
      number(8);
    }
  } catch {
    // The bytes ended: what was found before is there. The last field may hang over.
  }
  return fields.filter((field) => field.at + field.width <= bytes.length);
}
