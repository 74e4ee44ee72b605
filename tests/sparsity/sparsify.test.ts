import { beforeAll, describe, expect, test } from 'vitest';
import { encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import type { RowEncoder } from '../../coordinator/quantize/quantize.ts';
import type { FiringProfile } from '../../coordinator/sparsity/firing-profile.ts';
import { neuronOrder } from '../../coordinator/sparsity/neuron-order.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import { writeGguf } from '../../runtime/gguf/writer.ts';
import { ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from '../support/synthetic-model.ts';

const inline: RowEncoder = { width: 1, encode: async (job) => encodeRows(job) };
const options: RankOptions = {
  kvFormat: 'f32',
  maxStepTokens: 16,
  maxSequences: 1,
  contextLength: 64,
  kvPages: 1,
};

const model = async (shape: Partial<SyntheticModelOptions>) =>
  openModelFile(memorySource(await syntheticModel({ ...smallShape, activation: 'relu', ...shape })));

/** Neuron n of layer l fired (7 n + l) mod 512 times. */
const profile: FiringProfile = {
  model: 'any',
  tokens: 1000,
  counts: [0, 1].map((layer) => Array.from({ length: 512 }, (_, i) => (7 * i + layer) % 512)),
};

async function sparsified(it: ModelFile, type?: QuantTypeName): Promise<ModelFile> {
  const { metadata, tensors } = sparsifyModel(it.gguf, it.config, profile, inline, { type });
  const pieces: Uint8Array[] = [];
  for await (const piece of writeGguf(metadata, tensors)) pieces.push(piece);
  return new ModelFile(await openGguf(memorySource(new Uint8Array(Buffer.concat(pieces)))));
}

async function logits(it: ModelFile): Promise<number[]> {
  const runner = await createSoloRunner(it, kernelBytes, options);
  const tokens = [5, 90, 17, 200, 333, 124, 45, 45, 519, 1];
  const rows = await runner.step([{ slot: 0, start: 0, count: tokens.length, logits: 'all', tokens }]);
  return rows.flatMap((row) => [...row]);
}

async function values(gguf: GgufFile, name: string): Promise<Float32Array> {
  const { type, elementCount } = gguf.tensors.get(name)!;
  const decoded = new Float32Array(elementCount);
  quantFormatNamed(type).decode(await gguf.readTensor(name), decoded);
  return decoded;
}

const rms = (a: readonly number[], b: readonly number[]) =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);

describe('a sparsified model', () => {
  let before: ModelFile;
  let after: ModelFile;
  beforeAll(async () => {
    before = await model({ type: 'F16' });
    after = await sparsified(before, 'Q8_0');
  });

  test('has its neurons in tiles by how often they fired, in all three matrices', async () => {
    const order = neuronOrder(profile.counts[1]!);
    expect(order.slice(0, 2).map((neuron) => profile.counts[1]![neuron])).toEqual([511, 510]);
    const [gate, sorted] = [before, after].map(({ gguf }) => values(gguf, 'blk.1.ffn_gate.weight'));
    const down = await values(before.gguf, 'blk.1.ffn_down.weight');
    const turned = await values(after.gguf, 'blk.1.ffn_down_t.weight');
    for (const place of [0, 100, 511]) {
      const neuron = order[place]!;
      const row = (all: Float32Array, at: number) => all.slice(at * 256, (at + 1) * 256);
      expect(row(await sorted!, place)).toEqual(row(await gate!, neuron));
      row(turned, place).forEach((value, i) => {
        expect(Math.abs(value - down[i * 512 + neuron]!)).toBeLessThan(0.001);
      });
    }
    expect(after.gguf.tensors.has('blk.1.ffn_down.weight')).toBe(false);
  });

  test('says how many neurons of each tile fire', () => {
    const { firing } = after.description;
    expect(before.description.firing).toBeUndefined();
    firing!.forEach((tiles, layer) => {
      const counts = profile.counts[layer]!;
      const order = neuronOrder(counts);
      tiles.forEach((fire, tile) => {
        const own = order.slice(256 * tile, 256 * (tile + 1));
        const expected = own.reduce((sum, neuron) => sum + counts[neuron]!, 0) / profile.tokens;
        expect(fire).toBeCloseTo(expected, 3);
      });
      expect(tiles[0]! / tiles[1]!).toBeGreaterThan(1.5);
    });
    const firings = after.tiles.flatMap(({ kind, firing: own }) => (kind === 'ffn' ? [own] : []));
    expect(firings).toEqual(firing!.flat());
  });

  test('computes the same function', async () => {
    // Logits have a deviation of 3; what is seen is the rounding of up and down to 8 bits.
    expect(rms(await logits(before), await logits(after))).toBeLessThan(0.06);
  });

  test('sparsified again keeps what its rows were rounded to', async () => {
    const again = await sparsified(after);
    expect(again.description.neuronRows).toBe(true);
    expect(again.gguf.tensors.get('blk.0.ffn_down_t.weight')!.type).toBe('Q8_0');
    expect(rms(await logits(after), await logits(again))).toBeLessThan(1e-3);
  });
});

test.each([
  ['Q4_0', 'Q4_0'],
  ['Q5_0', 'Q8_0'],
] as const)('up and down of %s become %s', async (type, expected) => {
  const after = await sparsified(await model({ type }));
  for (const name of ['ffn_up', 'ffn_down_t'])
    expect(after.gguf.tensors.get(`blk.0.${name}.weight`)!.type).toBe(expected);
  expect(after.gguf.tensors.get('blk.0.ffn_gate.weight')!.type).toBe(type);
  expect((await logits(after)).every(Number.isFinite)).toBe(true);
});

test('a profile of another activation is refused', async () => {
  const it = await model({ activation: 'silu', type: 'Q8_0' });
  expect(() => sparsifyModel(it.gguf, it.config, profile, inline)).toThrow(/another activation/);
});

describe('files of PowerInfer', () => {
  test('are read, with a rectified gate', async () => {
    const bytes = await syntheticModel({ ...smallShape, type: 'Q4_0', activation: 'relu', neuronRows: true });
    const stated = new ModelFile(await openGguf(memorySource(bytes)));
    const renamed = bytes.slice();
    renamed.set(Buffer.from('PWRI'));
    // Theirs do not state the activation.
    const key = Buffer.from(renamed).indexOf('llama.hidden_activation');
    renamed.set(Buffer.from('other'), key);
    const it = new ModelFile(await openGguf(memorySource(renamed)));
    expect(it.config.activation).toBe('relu');
    expect(await logits(it)).toEqual(await logits(stated));
  });

  test('in types that cannot be computed row by row are refused', async () => {
    const bytes = await syntheticModel({ ...smallShape, type: 'F16', activation: 'relu', neuronRows: true });
    await expect(openModelFile(memorySource(bytes))).rejects.toThrow(
      /F16 cannot be skipped.*hearth sparsify/,
    );
  });
});

describe('the order of neurons', () => {
  const counts = Array.from({ length: 10 * 256 + 100 }, (_, i) => (i * 7919) % 2660);
  const order = neuronOrder(counts);
  const tiles = Array.from({ length: 11 }, (_, tile) => order.slice(256 * tile, 256 * (tile + 1)));
  const fired = (neurons: readonly number[]) => neurons.reduce((sum, neuron) => sum + counts[neuron]!, 0);

  test('has each neuron once, and tiles that are hot or cold', () => {
    expect(new Set(order).size).toBe(counts.length);
    const ranges = tiles.map((tile) => tile.map((neuron) => counts[neuron]!));
    for (const range of ranges) expect(Math.max(...range) - Math.min(...range)).toBeLessThan(256);
    expect(Math.max(...ranges.at(-1)!)).toBeLessThan(100);
  });

  test('gives runs of tiles about as much to do', () => {
    const [first, second] = [tiles.slice(0, 5), tiles.slice(5, 10)].map((run) => fired(run.flat()));
    expect(Math.abs(first! / second! - 1)).toBeLessThan(0.1);
  });
});
