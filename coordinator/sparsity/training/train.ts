import * as tf from '@tensorflow/tfjs-core';
import { Random } from '../../../runtime/sampling/random.ts';
import type { Predictor } from './predictor.ts';
import type { LayerSamples } from './samples.ts';
import { firingLoss } from './tensor-kernels.ts';

const batchTokens = 96;
/** Adam's rates, one after the other, each for a part of the steps. */
const schedule = [
  { learningRate: 2e-3, part: 0.7 },
  { learningRate: 4e-4, part: 0.3 },
];
/** As often is each token seen, but there are so many steps at least, and at most. */
const epochs = 6;
const steps = { least: 300, most: 700 };

/**
 * Trains a low-rank predictor of a layer by Adam on the cross-entropy of what fired. The same samples and seed give the same
 * predictor. `useTensorBackend` comes before.
 */
export function trainPredictor(
  samples: LayerSamples,
  tokens: readonly number[],
  rank: number,
  seed: number,
): Predictor {
  const random = new Random(seed);
  const { hiddenSize, neurons } = samples;
  const weights = (rows: number, columns: number) =>
    tf.variable(tf.tensor2d(uniform(random, rows * columns, Math.sqrt(3 / columns)), [rows, columns]));
  const input = weights(rank, hiddenSize);
  const output = weights(neurons, rank);
  const bias = tf.variable(tf.tensor1d(logOdds(samples, tokens)));
  const total = Math.min(
    steps.most,
    Math.max(steps.least, Math.ceil((epochs * tokens.length) / batchTokens)),
  );
  for (const { learningRate, part } of schedule) {
    const optimizer = tf.train.adam(learningRate);
    for (let step = 0; step < part * total; step += 1) {
      const batch = Array.from({ length: batchTokens }, () => tokens[random.nextUint32() % tokens.length]!);
      tf.tidy(() => {
        const x = tf.tensor2d(samples.inputs(batch), [batch.length, hiddenSize]);
        const gates = tf.tensor2d(samples.gates(batch), [batch.length, neurons]);
        optimizer.applyGradients(gradientsOf(x, gates, { input, output, bias }));
      });
    }
    optimizer.dispose();
  }
  const take = (variable: tf.Variable) => variable.dataSync<'float32'>().slice();
  const trained = { rank, input: take(input), output: take(output), bias: take(bias) };
  for (const variable of [input, output, bias]) variable.dispose();
  return trained;
}

/** What is trained: of a layer's predictor, in Adam's order. */
interface Weights {
  readonly input: tf.Variable;
  readonly output: tf.Variable;
  readonly bias: tf.Variable;
}

/**
 * The derivatives of a batch's loss, by the chain rule, written out: TensorFlow.js's core alone has none.
 * @returns what `applyGradients` takes
 */
export function gradientsOf(
  x: tf.Tensor2D,
  gates: tf.Tensor2D,
  { input, output, bias }: Weights,
): { name: string; tensor: tf.Tensor }[] {
  const [inner, outer] = [input as tf.Tensor2D, output as tf.Tensor2D];
  const hidden: tf.Tensor2D = tf.relu(tf.matMul(x, inner, false, true));
  const scores = tf.add(tf.matMul(hidden, outer, false, true), bias);
  const byScores = tf.engine().runKernel(firingLoss, { scores, gates }) as tf.Tensor2D;
  const byHidden: tf.Tensor2D = tf.mul(tf.matMul(byScores, outer), tf.step(hidden));
  return [
    { name: input.name, tensor: tf.matMul(byHidden, x, true, false) },
    { name: output.name, tensor: tf.matMul(byScores, hidden, true, false) },
    { name: bias.name, tensor: tf.sum(byScores, 0) },
  ];
}

/** In (−limit, limit). */
function uniform(random: Random, length: number, limit: number): Float32Array {
  return Float32Array.from({ length }, () => (2 * random.nextUnit() - 1) * limit);
}

/** Of each neuron's firing, whatever the input: what scores begin with. */
function logOdds(samples: LayerSamples, tokens: readonly number[]): Float32Array {
  return Float32Array.from(samples.firings(tokens), (fired) =>
    Math.log((fired + 1) / (tokens.length - fired + 1)),
  );
}
