import { HearthError } from '../../../runtime/error.ts';
import { type KernelBytes, loadKernels } from '../../../runtime/kernels/kernels.ts';
import type { QuantTypeName } from '../../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../../runtime/quant/registry.ts';
import { FloatProducts } from './float-products.ts';
import { calibrated, type Predictor, type Quality, qualityOf, rounded, wantedRecall } from './predictor.ts';
import { fewestSamples, type LayerSamples } from './samples.ts';
import { dropTensorBackend, useTensorBackend } from './tensor-kernels.ts';
import { trainPredictor } from './train.ts';

/** A layer's predictor, and what it is worth. */
export interface TrainedLayer extends Quality {
  readonly layer: number;
  /** Undefined where none pays: the layer stays exact. */
  readonly predictor: Predictor | undefined;
  /** What the predictor and the gates of the neurons that it names take, as a part of what all gates take. */
  readonly cost: number;
}

export interface TrainingOptions {
  /** Type of the predictors' matrices. */
  readonly type: QuantTypeName;
  /** Of the gates. */
  readonly gateType: QuantTypeName;
  readonly seed: number;
  readonly onLayer?: (done: number, total: number) => void;
}

const smallestRank = 32;
/** A larger rank must be so much cheaper to be worth another try. */
const worthwhile = 0.97;

/**
 * Trains a predictor for each layer: ranks from a small one on, twice as large each time, until it finds enough of the firing
 * neurons and a larger one would not be cheaper, its own weights and the gates that it has computed in vain together.
 * @throws HearthError USAGE where there are too few samples
 */
export async function trainPredictors(
  layers: readonly LayerSamples[],
  kernelBytes: KernelBytes,
  options: TrainingOptions,
): Promise<TrainedLayer[]> {
  const { count } = layers[0]!;
  if (count < fewestSamples)
    throw new HearthError(
      'USAGE',
      `predictors are trained on ${fewestSamples} tokens at least, better on many thousands: this text has ${count}`,
      { tokens: count },
    );
  const kernels = loadKernels(kernelBytes);
  await useTensorBackend(kernels);
  try {
    const products = new FloatProducts(kernels);
    const trained: TrainedLayer[] = [];
    for (const [layer, samples] of layers.entries()) {
      trained.push({ layer, ...bestOf(samples, products, options, options.seed + layer) });
      options.onLayer?.(layer + 1, layers.length);
      // The event loop has its turn, so that a signal can end it.
      await new Promise(setImmediate);
    }
    return trained;
  } finally {
    dropTensorBackend();
  }
}

function bestOf(
  samples: LayerSamples,
  products: FloatProducts,
  { type, gateType }: TrainingOptions,
  seed: number,
): Omit<TrainedLayer, 'layer'> {
  const { training, calibration, test } = samples.parts();
  const { hiddenSize, neurons } = samples;
  const bitsRatio = bitsOf(type) / bitsOf(gateType);
  let best: Omit<TrainedLayer, 'layer'> = { predictor: undefined, recall: 0, named: 1, cost: 1 };
  const firings = samples.firings(training);
  const firing = sum(firings) / (training.length * neurons);
  for (let rank = firstRank(samples, firings, training.length); ; rank *= 2) {
    const own = (bitsRatio * rank * (hiddenSize + neurons)) / (hiddenSize * neurons);
    // It cannot name fewer than it must find.
    if (own + wantedRecall * firing >= worthwhile * best.cost) return best;
    const raw = rounded(trainPredictor(samples, training, rank, seed), type);
    const predictor = calibrated(raw, samples, calibration, products);
    const quality = qualityOf(predictor, samples, test, products);
    const cost = own + quality.named;
    const isEnough = quality.recall >= wantedRecall;
    const isBetter = cost < worthwhile * best.cost;
    if (isEnough && isBetter) best = { predictor, cost, ...quality };
    else if (isEnough && best.predictor) return best;
  }
}

/**
 * As many dimensions as neurons fire at a time, or fewer where few neurons have most of the firings: those are told by their
 * bias.
 */
function firstRank(
  { hiddenSize, neurons }: LayerSamples,
  firings: readonly number[],
  tokens: number,
): number {
  const firing = sum(firings) / (tokens * neurons);
  const uncertain =
    firings.filter((count) => count > 0.01 * tokens && count < 0.99 * tokens).length / neurons;
  return smallestRank * Math.max(1, Math.floor((firing * uncertain * hiddenSize) / smallestRank));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function bitsOf(type: QuantTypeName): number {
  const { blockBytes, blockSize } = quantFormatNamed(type);
  return (8 * blockBytes) / blockSize;
}
