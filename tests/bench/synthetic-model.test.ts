import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ModelShape, modelShapes } from '../../coordinator/bench/model-shapes.ts';
import {
  parseSyntheticModel,
  provideSyntheticModel,
  syntheticModel,
  syntheticPath,
} from '../../coordinator/bench/synthetic-model.ts';
import { readTokenizer } from '../../coordinator/files/open-model.ts';
import { quantizeTargets } from '../../coordinator/quantize/targets.ts';
import { tensorByteLength } from '../../runtime/gguf/header-writer.ts';
import { writeGguf } from '../../runtime/gguf/writer.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';

const tinyShape: ModelShape = {
  ...modelShapes.find(({ name }) => name === 'llama-3.2-1b')!,
  name: 'tiny',
  layerCount: 2,
  hiddenSize: 256,
  intermediateSize: 512,
  headCount: 4,
  kvHeadCount: 2,
  vocabSize: 600,
  contextLength: 128,
};
const tinyTargets = quantizeTargets.map((target) => [target.name, target] as const);

/** A tiny model's file, opened. */
async function written(shape: ModelShape, target = quantizeTargets[1]!): Promise<ModelFile> {
  const { metadata, tensors } = syntheticModel(shape, target).contents;
  const pieces: Uint8Array[] = [];
  for await (const piece of writeGguf(metadata, tensors)) pieces.push(piece);
  return openModelFile(memorySource(new Uint8Array(Buffer.concat(pieces))));
}

describe('the shapes', () => {
  // Parameters as the models' own pages count them; MiB as llama-quantize of llama.cpp b10587 prints for each.
  it.each([
    [
      'tinyllama-1.1b',
      1_100_048_384,
      { Q4_0: 606.53, Q4_K_M: 636.18, Q6_K: 860.86, Q8_0: 1114.91, F16: 2098.35 },
    ],
    [
      'llama-3.2-1b',
      1_235_814_400,
      { Q4_0: 727.75, Q4_K_M: 762.81, Q6_K: 967.0, Q8_0: 1252.41, F16: 2357.26 },
    ],
    ['qwen2.5-0.5b', 494_032_768, { Q4_0: 330.17, Q4_K_M: 373.71, Q6_K: 476.64, Q8_0: 500.79, F16: 942.43 }],
    [
      'llama-2-7b',
      6_738_415_616,
      { Q4_0: 3647.87, Q4_K_M: 3891.24, Q6_K: 5272.34, Q8_0: 6828.64, F16: 12853.02 },
    ],
  ])('%s has %i parameters and the bytes of the real model in each type', (name, parameters, mebibytes) => {
    for (const [type, size] of Object.entries(mebibytes)) {
      const { tensors } = parseSyntheticModel(`${name}:${type}`).contents;
      const weights = tensors.filter((tensor) => tensor.name !== 'rope_freqs.weight');
      const elements = weights.map(({ shape }) => shape.reduce((product, length) => product * length));
      expect(elements.reduce((sum, count) => sum + count)).toBe(parameters);
      const bytes = tensors.reduce((sum, tensor) => sum + tensorByteLength(tensor), 0);
      expect(bytes / 2 ** 20).toBeCloseTo(size, 2);
    }
  });

  it('have a vocabulary of their size', () => {
    for (const shape of modelShapes) {
      const { metadata } = syntheticModel(shape, quantizeTargets[0]!).contents;
      const tokens = metadata.get('tokenizer.ggml.tokens')!.value as readonly string[];
      expect(new Set(tokens).size).toBe(shape.vocabSize);
    }
  });
});

describe('a synthetic model', () => {
  it.each(tinyTargets)('in %s computes logits that are finite and differ', async (_, target) => {
    const model = await written(tinyShape, target);
    const runner = await createSoloRunner(model, kernelBytes, {
      kvFormat: 'f16',
      maxStepTokens: 8,
      maxSequences: 1,
      contextLength: 64,
      kvPages: 1,
    });
    const [logits] = await runner.step([{ slot: 0, start: 0, count: 3, logits: 'last', tokens: [5, 70, 9] }]);
    expect(logits!.every(Number.isFinite)).toBe(true);
    expect(new Set(logits).size).toBeGreaterThan(tinyShape.vocabSize / 2);
  });

  it.each([
    ['byte-level BPE', tinyShape],
    ['SentencePiece', { ...tinyShape, preTokenizer: undefined }],
  ])('reads and writes text with %s', async (_, { preTokenizer, ...shape }) => {
    const model = await written({ ...shape, ...(preTokenizer && { preTokenizer }) });
    const tokenizer = readTokenizer(model.gguf);
    const ids = tokenizer.encode('Zwölf Boxkämpfer', { addBos: false, parseSpecial: false });
    expect(tokenizer.decode(ids).trim()).toBe('Zwölf Boxkämpfer');
  });

  it("has Llama 3's factors for slow rotations, from 1 to the full stretch", async () => {
    const model = await written(tinyShape);
    const bytes = await model.gguf.readTensor('rope_freqs.weight');
    const factors = new Float32Array(bytes.slice().buffer);
    expect([factors[0], factors.at(-1)]).toEqual([1, 32]);
    expect(new Set(factors).size).toBeGreaterThan(3);
    expect([...factors]).toEqual([...factors].sort((a, b) => a - b));
  });
});

describe('provideSyntheticModel', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-synthetic-'));
    vi.stubEnv('HEARTH_CACHE', folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  const tiny = () => syntheticModel(tinyShape, quantizeTargets[1]!);

  it('writes to the cache folder once', async () => {
    const path = syntheticPath(tiny());
    expect(path).toBe(join(folder, 'tiny-Q8_0-random.gguf'));
    await provideSyntheticModel(tiny(), path, {});
    const first = readFileSync(path);
    const { mtimeMs, ino } = statSync(path);
    await provideSyntheticModel(tiny(), path, { force: true });
    expect(statSync(path)).toMatchObject({ mtimeMs, ino });
    rmSync(path);
    await provideSyntheticModel(tiny(), path, {});
    expect(readFileSync(path).equals(first)).toBe(true);
  });

  it('writes over another file in the cache folder, not over one that was named', async () => {
    const path = join(folder, 'mine.gguf');
    writeFileSync(path, 'mine');
    await expect(provideSyntheticModel(tiny(), path, {})).rejects.toMatchObject({ code: 'USAGE' });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await provideSyntheticModel(tiny(), path, { force: true });
    expect(statSync(path).size).toBeGreaterThan(100_000);
  });
});

describe('parseSyntheticModel', () => {
  it.each(['llama-3.2-1b', 'llama-3.2-1b:Q9', 'gpt-5:Q4_0', ''])('refuses %j', (choice) => {
    expect(() => parseSyntheticModel(choice)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('names what it found', () => {
    expect(parseSyntheticModel('TinyLlama-1.1b:q4_0').name).toBe('tinyllama-1.1b-Q4_0');
  });
});
