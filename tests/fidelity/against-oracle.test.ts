import { describe, expect, it } from 'vitest';
import type { KvFormat } from '../../runtime/kernels/kv-page.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { quantFormats } from '../../runtime/quant/registry.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { tfjsForward } from '../oracle/tfjs-forward.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from '../support/synthetic-model.ts';

const tokens = Array.from({ length: 20 }, (_, i) => (i * 397 + 11) % smallShape.vocabSize);

interface Errors {
  readonly rms: number;
  readonly max: number;
}

/** How far the runtime's logits (of standard deviation 3) are from those of TensorFlow.js on the same weights. */
async function errors(options: Partial<SyntheticModelOptions>, kvFormat: KvFormat): Promise<Errors> {
  const file = await openModelFile(memorySource(await syntheticModel({ ...smallShape, ...options })));
  const runner = await createSoloRunner(file, kernelBytes, {
    kvFormat,
    maxStepTokens: tokens.length,
    maxSequences: 1,
    contextLength: 64,
    kvPages: 1,
  });
  const rows = await runner.step([{ slot: 0, start: 0, count: tokens.length, logits: 'all', tokens }]);
  const expected = await tfjsForward(file.gguf, tokens);
  const found = rows.flatMap((row) => [...row]);
  expect(found).toHaveLength(expected.length);
  const differences = found.map((value, i) => Math.abs(value - expected[i]!));
  return {
    rms: Math.sqrt(differences.reduce((sum, error) => sum + error * error, 0) / differences.length),
    max: differences.reduce((most, error) => Math.max(most, error), 0),
  };
}

describe('the runtime computes what TensorFlow.js computes', () => {
  const yarn = {
    kind: 'yarn',
    factor: 4,
    originalContextLength: 64,
    attentionFactor: 1.1,
    betaFast: 32,
    betaSlow: 1,
  } as const;
  const variants: Readonly<Record<string, Partial<SyntheticModelOptions>>> = {
    llama: {},
    qwen2: { architecture: 'qwen2' },
    'tied embeddings': { tiedEmbeddings: true },
    'frequency factors': { ropeFactors: true },
    'linear scaling': { ropeScaling: { kind: 'linear', factor: 4 } },
    'llama with YaRN': { ropeScaling: yarn },
    'qwen2 with YaRN': { architecture: 'qwen2', ropeScaling: yarn },
    'heads that are not grouped': { headCount: 5, kvHeadCount: 5 },
    'a ReLU gate': { activation: 'relu' },
    'a squared ReLU gate': { activation: 'relu2' },
    dReLU: { activation: 'drelu' },
    'many heads on one KV head, odd sizes': {
      headCount: 7,
      kvHeadCount: 1,
      headDim: 20,
      intermediateSize: 300,
      vocabSize: 523,
    },
  };
  it.each(Object.entries(variants))('%s', async (_, options) => {
    const { rms, max } = await errors({ type: 'F32', ...options }, 'f32');
    expect(rms).toBeLessThan(1e-4);
    expect(max).toBeLessThan(1e-3);
  });
});

/** Seen: half-precision KV 5e-4, max 0.003; 8-bit KV 0.012, max 0.052; 8-bit activations 0.030 to 0.045, max 0.24. */
const floatTolerance: Errors = { rms: 1e-3, max: 6e-3 };
const keyValueTolerance: Errors = { rms: 0.02, max: 0.09 };
const quantTolerance: Errors = { rms: 0.06, max: 0.35 };

describe('the runtime computes within the error of its rounded inputs', () => {
  it('8-bit KV', async () => {
    const { rms, max } = await errors({ type: 'F32', layerCount: 1 }, 'q8');
    expect(rms).toBeLessThan(keyValueTolerance.rms);
    expect(max).toBeLessThan(keyValueTolerance.max);
  });

  it.each(quantFormats)('$name', async ({ name: type, blockSize }) => {
    const { rms, max } = await errors({ type, layerCount: 1 }, 'f16');
    const tolerance = blockSize === 1 ? floatTolerance : quantTolerance;
    expect(rms).toBeLessThan(tolerance.rms);
    expect(max).toBeLessThan(tolerance.max);
  });

  it.each(['Q4_0', 'Q8_0'] as const)('%s, neuron by neuron', async (type) => {
    const { rms, max } = await errors({ type, layerCount: 1, activation: 'relu', neuronRows: true }, 'f16');
    expect(rms).toBeLessThan(quantTolerance.rms);
    expect(max).toBeLessThan(quantTolerance.max);
  });
});
