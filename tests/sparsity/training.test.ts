import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test } from 'vitest';
import { qualityOf, rounded } from '../../coordinator/sparsity/training/predictor.ts';
import { FloatProducts, transposed } from '../../coordinator/sparsity/training/float-products.ts';
import { gatherSamples, LayerSamples } from '../../coordinator/sparsity/training/samples.ts';
import { dropTensorBackend, useTensorBackend } from '../../coordinator/sparsity/training/tensor-kernels.ts';
import { gradientsOf } from '../../coordinator/sparsity/training/train.ts';
import { trainPredictors } from '../../coordinator/sparsity/training/train-predictors.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { description } from '../support/description.ts';
import { Random } from '../support/random.ts';

const { config } = description({ hiddenSize: 64, intermediateSize: 96, layerCount: 1 });

/** Gates of rank `rank`, of which a tenth is above zero, and inputs that are random. */
function lowRankSamples(tokens: number, rank: number): LayerSamples {
  const random = new Random(3);
  const { hiddenSize, intermediateSize } = config;
  const values = (length: number) => random.fillNormal(new Float32Array(length), 1);
  const [inner, outer] = [values(rank * hiddenSize), values(intermediateSize * rank)];
  const samples = new LayerSamples(config, tokens);
  for (let token = 0; token < tokens; token += 1) {
    const input = values(hiddenSize);
    samples.setInput(token, input);
    const hidden = Array.from({ length: rank }, (_, k) =>
      input.reduce((sum, x, i) => sum + x * inner[k * hiddenSize + i]!, 0),
    );
    const limit = 1.28 * Math.sqrt(rank * hiddenSize);
    for (let neuron = 0; neuron < intermediateSize; neuron += 1) {
      const gate = hidden.reduce((sum, value, k) => sum + value * outer[neuron * rank + k]!, 0);
      if (gate > limit) samples.setGate(token, neuron, 1);
    }
  }
  samples.count = tokens;
  return samples;
}

describe('the tensor backend', () => {
  afterEach(dropTensorBackend);

  test('has the derivatives of the loss', async () => {
    const random = new Random(1);
    const data = (length: number) => random.fillNormal(new Float32Array(length), 0.5);
    const [x, input, output, bias] = [data(20 * 9), data(6 * 9), data(11 * 6), data(11)];
    const gates = data(20 * 11).map((value) => Math.max(0, value - 0.2));
    const firing = gates.filter((gate) => gate > 0);
    const unit = firing.reduce((sum, gate) => sum + gate, 0) / firing.length;
    const lossOf = (): number => {
      let sum = 0;
      for (let at = 0; at < 20 * 11; at += 1) {
        const [row, neuron] = [Math.floor(at / 11), at % 11];
        let score = bias[neuron]!;
        for (let k = 0; k < 6; k += 1) {
          let hidden = 0;
          for (let i = 0; i < 9; i += 1) hidden += x[row * 9 + i]! * input[k * 9 + i]!;
          score += Math.max(0, hidden) * output[neuron * 6 + k]!;
        }
        const weight = gates[at]! > 0 ? Math.min(4, Math.max(0.25, gates[at]! / unit)) : 1;
        sum += weight * (Math.log1p(Math.exp(score)) - (gates[at]! > 0 ? score : 0));
      }
      return sum / (20 * 11);
    };
    const slopes = [input, output, bias].map((weights) =>
      Array.from(weights, (weight, i) => {
        const at = (value: number) => {
          weights[i] = value;
          return [lossOf(), weights[i]!] as const;
        };
        const [[above, high], [below, low]] = [at(weight + 2e-3), at(weight - 2e-3)];
        weights[i] = weight;
        return (above - below) / (high - low);
      }),
    );
    await useTensorBackend(loadKernels(kernelBytes));
    const weights = {
      input: tf.variable(tf.tensor2d(input, [6, 9])),
      output: tf.variable(tf.tensor2d(output, [11, 6])),
      bias: tf.variable(tf.tensor1d(bias)),
    };
    const gradients = gradientsOf(tf.tensor2d(x, [20, 9]), tf.tensor2d(gates, [20, 11]), weights);
    gradients.forEach(({ tensor }, part) => {
      const found = tensor.dataSync();
      expect(found.length).toBe(slopes[part]!.length);
      for (const [i, slope] of slopes[part]!.entries()) expect(found[i]!).toBeCloseTo(slope, 4);
    });
    expect(Math.max(...slopes.flat().map(Math.abs))).toBeGreaterThan(0.01);
  });

  test("takes Adam's steps as another backend does", async () => {
    const random = new Random(2);
    const data = () => random.fillNormal(new Float32Array(6 * 9), 0.5);
    const [begin, ...derivatives] = [data(), data(), data(), data()];
    const steps = (): number[] => {
      const weights = tf.variable(tf.tensor2d(begin!, [6, 9]));
      const optimizer = tf.train.adam(0.01);
      for (const values of derivatives)
        optimizer.applyGradients([{ name: weights.name, tensor: tf.tensor2d(values, [6, 9]) }]);
      return [...weights.dataSync()];
    };
    tf.env().set('IS_TEST', true);
    await tf.setBackend('cpu');
    const expected = steps();
    await useTensorBackend(loadKernels(kernelBytes));
    for (const [i, value] of steps().entries()) expect(value).toBeCloseTo(expected[i]!, 6);
    expect(expected[0]).not.toBeCloseTo(begin![0]!, 3);
  });
});

test.each([
  [5, 7, 3],
  [4, 16, 9],
])('products of floats: %i × %i × %i', (rows, inner, columns) => {
  const random = new Random(6);
  const data = (length: number) => random.fillNormal(new Float32Array(length), 1);
  const [a, b] = [data(rows * inner), data(inner * columns)];
  const products = new FloatProducts(loadKernels(kernelBytes));
  const found = products.multiply(a, b, inner);
  expect(found.length).toBe(rows * columns);
  found.forEach((value, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let i = 0; i < inner; i += 1) sum += a[row * inner + i]! * b[i * columns + column]!;
    expect(value).toBeCloseTo(sum, 4);
  });
  expect(products.multiply(a, transposed(b, columns), inner, true)).toEqual(found);
});

describe('predictors', { timeout: 120_000 }, () => {
  const options = { type: 'Q8_0', gateType: 'F32', seed: 1 } as const;
  const samples = lowRankSamples(2048, 4);

  test('find what fires where gates are of low rank, the same again', async () => {
    const [layer] = await trainPredictors([samples], kernelBytes, options);
    expect(layer!.predictor).toBeDefined();
    expect(layer!.recall).toBeGreaterThanOrEqual(0.95);
    expect(layer!.named).toBeLessThan(0.3);
    const products = new FloatProducts(loadKernels(kernelBytes));
    const { test: tokens } = samples.parts();
    const again = qualityOf(rounded(layer!.predictor!, 'Q8_0'), samples, tokens, products);
    expect(again.recall).toBeCloseTo(layer!.recall, 2);
    expect(await trainPredictors([samples], kernelBytes, options)).toEqual([layer]);
  });

  test('are given up where they would cost more than gates', async () => {
    const random = new Random(9);
    const chance = lowRankSamples(1024, 4);
    const nothing = new LayerSamples(config, 1024);
    for (let token = 0; token < 1024; token += 1) {
      nothing.setInput(token, chance.inputs([token]));
      for (let neuron = 0; neuron < config.intermediateSize; neuron += 1)
        if (random.unit() < 0.4) nothing.setGate(token, neuron, 1);
    }
    nothing.count = 1024;
    const [layer] = await trainPredictors([nothing], kernelBytes, options);
    expect(layer).toEqual({ layer: 0, predictor: undefined, recall: 0, named: 1, cost: 1 });
  });

  test('need some text', async () => {
    const few = lowRankSamples(255, 4);
    await expect(trainPredictors([few], kernelBytes, options)).rejects.toThrow(/256 tokens at least/);
  });
});

test('samples are what was shown, in 8 bits', () => {
  const random = new Random(4);
  const { layers, probe } = gatherSamples(config, 5);
  const inputs = random.fillNormal(new Float32Array(4 * 64), 1);
  const spec = { id: 1, kind: 'ffn', layer: 0, sections: [], byteLength: 0 } as const;
  const gates = random.fillNormal(new Float32Array(4 * 64), 1);
  for (let step = 0; step < 2; step += 1)
    for (const first of [0, 64]) probe({ ...spec, first, count: first === 0 ? 64 : 32 }, gates, 64, inputs);
  const [samples] = layers;
  expect(samples!.count, 'no more than there is room for').toBe(5);
  for (const [i, value] of samples!.inputs([3]).entries()) expect(value).toBeCloseTo(inputs[3 * 64 + i]!, 1);
  expect(samples!.inputs([4])).toEqual(samples!.inputs([0]));
  const fired = samples!.gates([2]).map((gate) => (gate > 0 ? 1 : 0));
  expect([...fired.slice(0, 64)]).toEqual([...gates.slice(128, 192)].map((gate) => (gate > 0 ? 1 : 0)));
  expect([...fired.slice(64)]).toEqual([...gates.slice(128, 160)].map((gate) => (gate > 0 ? 1 : 0)));
});
