import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HearthError } from '../../runtime/error.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { writeGguf } from '../../runtime/gguf/writer.ts';
import { quantFormats } from '../../runtime/quant/registry.ts';
import { memorySource } from '../support/memory-source.ts';
import { Random } from '../support/random.ts';
import { type BuiltTensor, buildGguf } from './build-gguf.ts';
import { join } from './raw-gguf.ts';

const integer = (min: number, max: number) => fc.integer({ min, max });

const anyValue: fc.Arbitrary<MetadataValue> = fc.oneof(
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('int16' as const), value: integer(-32768, 32767) }),
  fc.record({ type: fc.constant('float32' as const), value: fc.float() }),
  fc.record({ type: fc.constant('float64' as const), value: fc.double() }),
  fc.record({ type: fc.constant('int64' as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant('string[]' as const), value: fc.array(fc.string({ unit: 'grapheme' })) }),
  fc.record({ type: fc.constant('bool[]' as const), value: fc.array(fc.boolean()) }),
  fc.record({ type: fc.constant('uint8[]' as const), value: fc.uint8Array() }),
  fc.record({ type: fc.constant('uint16[]' as const), value: fc.uint16Array() }),
  fc.record({ type: fc.constant('float32[]' as const), value: fc.float32Array() }),
);

const anyMetadata = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, unit: 'grapheme' }), anyValue), {
    selector: ([key]) => key,
  })
  .map((entries) => new Map(entries.filter(([key]) => key !== 'general.alignment')));

const anyTensors: fc.Arbitrary<BuiltTensor[]> = fc.uniqueArray(
  fc
    .tuple(
      fc.string({ minLength: 1, maxLength: 20 }),
      fc.constantFrom(...quantFormats),
      fc.array(integer(1, 3), { maxLength: 3 }),
      integer(1, 3),
      integer(0, 255),
    )
    .map(([name, format, outer, blocks, fill]) => {
      const rows = outer.reduce((product, size) => product * size, 1);
      const data = new Uint8Array(rows * blocks * format.blockBytes).fill(fill);
      return { name, type: format.name, shape: [...outer, blocks * format.blockSize], data };
    }),
  { selector: ({ name }) => name, maxLength: 6 },
);

test('whatever is written is read again', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyMetadata,
      anyTensors,
      fc.constantFrom(8, 32, 256),
      async (metadata, tensors, alignment) => {
        metadata.set('general.alignment', { type: 'uint32', value: alignment });
        const pieces: Uint8Array[] = [];
        const sources = tensors.map((tensor) => ({
          ...tensor,
          read: () => [tensor.data.subarray(0, 7), tensor.data.subarray(7)],
        }));
        for await (const piece of writeGguf(metadata, sources)) pieces.push(piece);
        const bytes = join(...pieces);
        expect(bytes).toEqual(buildGguf(Object.fromEntries(metadata), tensors));

        const file = await openGguf(memorySource(bytes));
        expect([...file.metadata.entries()]).toEqual([...metadata]);
        for (const { name, type, shape, data } of tensors) {
          expect(file.tensors.get(name)).toMatchObject({ type, shape });
          expect(await file.readTensor(name)).toEqual(data);
        }
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});

test('a tensor that yields another number of bytes than its shape needs stops the writer', async () => {
  const write = async (byteLength: number) => {
    const tensor = { name: 'w', type: 'F32', shape: [4], read: () => [new Uint8Array(byteLength)] } as const;
    for await (const _ of writeGguf(new Map(), [tensor]));
  };
  await write(16);
  await expect(write(15)).rejects.toThrow('w has 16 bytes, not 15');
  await expect(write(17)).rejects.toThrow('w has 16 bytes, not 17');
});

describe('a damaged file', () => {
  const original = buildGguf(
    {
      'general.architecture': { type: 'string', value: 'llama' },
      'general.alignment': { type: 'uint32', value: 8 },
      'llama.block_count': { type: 'uint32', value: 2 },
      'tokenizer.ggml.tokens': { type: 'string[]', value: ['<s>', 'a', 'bc', '▁the'] },
      'tokenizer.ggml.scores': { type: 'float32[]', value: Float32Array.of(0, -1, -2, -3) },
      flags: { type: 'bool[]', value: [true, false] },
    },
    [
      { name: 'token_embd.weight', type: 'Q4_0', shape: [2, 32], data: new Uint8Array(36).fill(7) },
      { name: 'output_norm.weight', type: 'F32', shape: [6], data: new Uint8Array(24).fill(8) },
      { name: 'blk.0.ffn.weight', type: 'F16', shape: [2, 2, 3], data: new Uint8Array(24).fill(9) },
    ],
  );
  const interesting = [0, 1, 2, 3, 8, 9, 0x7f, 0x80, 0xfe, 0xff];

  function damage(random: Random): Uint8Array {
    let bytes: Uint8Array = original.slice();
    for (let i = random.integer(3); i >= 0; i--) {
      const at = random.integer(bytes.length);
      const kind = random.integer(5);
      if (kind === 0) bytes[at]! ^= 1 << random.integer(8);
      else if (kind === 1) bytes[at] = interesting[random.integer(interesting.length)]!;
      else if (kind === 2) bytes.fill(random.integer(2) ? 0xff : 0, at, at + 1 + random.integer(8));
      else if (kind === 3) bytes = join(bytes.subarray(0, at), bytes.subarray(random.integer(bytes.length)));
      else bytes.copyWithin(at, random.integer(bytes.length), random.integer(bytes.length));
    }
    return bytes;
  }

  test('is either read, with tensors that are all there, or refused with a HearthError', async () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 4000; seed++) {
      const bytes = damage(new Random(seed));
      const outcome = await openGguf(memorySource(bytes)).catch((error: unknown) => error);
      let code = 'opened';
      if (outcome instanceof HearthError) code = outcome.code;
      else if (outcome instanceof Error) throw new Error(`seed ${seed}`, { cause: outcome });
      else {
        const file = outcome as Awaited<ReturnType<typeof openGguf>>;
        for (const { name, byteLength } of file.tensors.values()) {
          expect((await file.readTensor(name)).length).toBe(byteLength);
        }
      }
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    // The damage is neither harmless nor always caught by the first check.
    expect(outcomes.get('opened')).toBeGreaterThan(400);
    expect([...outcomes.keys()].toSorted()).toEqual([
      'GGUF_BAD_METADATA',
      'GGUF_BAD_TENSOR',
      'GGUF_LIMIT_EXCEEDED',
      'GGUF_NOT_GGUF',
      'GGUF_TRUNCATED',
      'GGUF_UNKNOWN_TYPE',
      'GGUF_UNSUPPORTED_VERSION',
      'opened',
    ]);
  });
});
