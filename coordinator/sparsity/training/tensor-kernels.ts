import * as tf from '@tensorflow/tfjs-core';
import { assert } from '../../../runtime/error.ts';
import type { Kernels } from '../../../runtime/kernels/kernels.ts';
import { ArrayBackend } from './array-backend.ts';
import { FloatProducts, transposed } from './float-products.ts';

/** What TensorFlow.js calls this backend. */
const backendName = 'hearth';

/** Derivative of the loss by scores, of scores and gates. */
export const firingLoss = 'HearthFiringLoss';

/** What firing neurons weigh in it, at least and at most. */
const weights = { least: 0.25, most: 4 };

type KernelFunction = (
  backend: ArrayBackend,
  inputs: tf.TensorInfo[],
  attributes: object,
) => tf.TensorInfo | tf.TensorInfo[];

/**
 * Computes TensorFlow.js's tensors with Hearth's kernels and plain loops from now on: what a low-rank predictor's
 * derivatives and Adam take, and no more.
 */
export async function useTensorBackend(kernels: Kernels): Promise<void> {
  tf.registerBackend(backendName, () => new ArrayBackend());
  for (const [kernelName, compute] of Object.entries(kernelFunctions(kernels)))
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) =>
        compute(backend as ArrayBackend, Object.values(inputs) as tf.TensorInfo[], attrs ?? {}),
    });
  await tf.setBackend(backendName);
}

/** Frees all that it holds. */
export function dropTensorBackend(): void {
  for (const { kernelName } of tf.getKernelsForBackend(backendName))
    tf.unregisterKernel(kernelName, backendName);
  tf.removeBackend(backendName);
}

function kernelFunctions(kernels: Kernels): Readonly<Record<string, KernelFunction>> {
  return {
    [tf.Add]: elementwise(add),
    [tf.Sub]: elementwise(subtract),
    [tf.Multiply]: elementwise(multiply),
    [tf.RealDiv]: elementwise(divide),
    [tf.Relu]: mapped((x) => (x > 0 ? x : 0)),
    [tf.Step]: mapped((x) => (x > 0 ? 1 : 0)),
    [tf.Sqrt]: mapped(Math.sqrt),
    [tf.Square]: mapped((x) => x * x),
    [tf.ZerosLike]: mapped(() => 0),
    [tf.Sum]: sumOfRows,
    [tf.BatchMatMul]: matrixProduct(new FloatProducts(kernels)),
    [firingLoss]: lossDerivative,
  };
}

/** out[i] = x[i · xStep] ∘ y[i · yStep], a loop of its own for each: so the engine has one operator to compile. */
type Operator = (x: Float32Array, xStep: number, y: Float32Array, yStep: number, out: Float32Array) => void;

const add: Operator = (x, xStep, y, yStep, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = x[i * xStep]! + y[i * yStep]!;
};
const subtract: Operator = (x, xStep, y, yStep, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = x[i * xStep]! - y[i * yStep]!;
};
const multiply: Operator = (x, xStep, y, yStep, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = x[i * xStep]! * y[i * yStep]!;
};
const divide: Operator = (x, xStep, y, yStep, out) => {
  for (let i = 0; i < out.length; i += 1) out[i] = x[i * xStep]! / y[i * yStep]!;
};

/** Of tensors of one shape, or of which the second is a row, or either a number, for all of the other. */
function elementwise(compute: Operator): KernelFunction {
  return (backend, [a, b]) => {
    const [x, y] = [backend.values(a!), backend.values(b!)];
    const values = backend.array(Math.max(x.length, y.length));
    const step = (input: Float32Array) => (input.length === 1 ? 0 : 1);
    if (x.length === y.length || step(x) + step(y) < 2) compute(x, step(x), y, step(y), values);
    else
      for (let row = 0; row < x.length; row += y.length)
        compute(x.subarray(row, row + y.length), 1, y, 1, values.subarray(row, row + y.length));
    return backend.tensor(values, x.length >= y.length ? a!.shape : b!.shape);
  };
}

function mapped(compute: (x: number) => number): KernelFunction {
  return (backend, [input]) => {
    const x = backend.values(input!);
    const values = backend.array(x.length);
    for (let i = 0; i < x.length; i += 1) values[i] = compute(x[i]!);
    return backend.tensor(values, input!.shape);
  };
}

const sumOfRows: KernelFunction = (backend, [input], attributes) => {
  const { axis } = attributes as { axis: number | number[] };
  const columns = input!.shape.at(-1)!;
  assert(input!.shape.length === 2 && [axis].flat().join() === '0', 'a sum over the rows of a matrix');
  const sums = backend.array(columns).fill(0);
  const values = backend.values(input!);
  for (let row = 0; row < values.length; row += columns)
    for (let i = 0; i < columns; i += 1) sums[i]! += values[row + i]!;
  return backend.tensor(sums, [columns]);
};

function matrixProduct(products: FloatProducts): KernelFunction {
  return (backend, [a, b], attributes) => {
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    const [left, right] = [backend.values(a!), backend.values(b!)];
    const [aRows, aColumns] = a!.shape as [number, number];
    const [bRows, bColumns] = b!.shape as [number, number];
    const inner = transposeA ? aRows : aColumns;
    const [rows, columns] = [transposeA ? aColumns : aRows, transposeB ? bRows : bColumns];
    const values = backend.array(rows * columns);
    products.multiply(transposeA ? transposed(left, aColumns) : left, right, inner, transposeB, values);
    return backend.tensor(values, [rows, columns]);
  };
}

/**
 * The derivative by scores of their cross-entropy, the mean of weight · (log(1 + e^s) − s · fired): sigmoid(s) − fired, times
 * the weight. A neuron that fires weighs as much as its gate, in units of the mean one, within bounds; others weigh 1.
 */
const lossDerivative: KernelFunction = (backend, [scores, gates]) => {
  const [s, g] = [backend.values(scores!), backend.values(gates!)];
  let [sum, firing] = [0, 0];
  for (let i = 0; i < g.length; i += 1) {
    sum += g[i]!;
    firing += g[i]! > 0 ? 1 : 0;
  }
  const perUnit = firing / Math.max(Number.MIN_VALUE, sum);
  const derivative = backend.array(s.length);
  for (let i = 0; i < s.length; i += 1) {
    const probability = 1 / (1 + Math.exp(-s[i]!));
    const fired = g[i]! > 0;
    const weight = fired ? Math.min(weights.most, Math.max(weights.least, g[i]! * perUnit)) : 1;
    derivative[i] = (weight * (probability - (fired ? 1 : 0))) / s.length;
  }
  return backend.tensor(derivative, scores!.shape);
};
