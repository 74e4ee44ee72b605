import { HearthError } from '../error.ts';
import type { GgufFile } from '../gguf/gguf.ts';
import type { TensorFile } from '../gguf/tensor-file.ts';
import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import type { TensorRule } from './architecture.ts';
import type { ModelConfig } from './config.ts';

/**
 * Which neurons are left out although they may not be zero; a model's answers are not exact then.
 * `predicted`: of a ReLU model, those whose predictor's score, in log-odds, is below `threshold` (PowerInfer, arXiv
 * 2312.12456); `predictors` has null for a layer that is computed exactly. `cut`: of a SwiGLU model, those whose
 * |silu(gate)| is below the layer's cut (CATS, arXiv 2404.08763).
 */
export type Approximation =
  | {
      readonly kind: 'predicted';
      readonly threshold: number;
      readonly predictors: readonly (PredictorShape | null)[];
    }
  | { readonly kind: 'cut'; readonly cuts: readonly number[] };

/**
 * A layer's predictor: score = output · relu(input · x) + bias, of x, the FFN's input behind its norm. `input` is
 * [rank, hiddenSize], `output` [intermediateSize, rank]; the rank is a multiple of 8.
 */
export interface PredictorShape {
  readonly rank: number;
  readonly input: KernelFormatName;
  readonly output: KernelFormatName;
}

/** How near to exact an approximation is to be. */
export interface ApproximationChoice {
  /** Of predictors: the log-odds of firing from which a neuron is computed. Lower is nearer to exact. */
  readonly threshold: number;
}

/** At it a predictor finds the share of firing neurons that it was trained to find. */
export const defaultThreshold = 0;

/** No score is beyond it: a threshold of −64 computes every neuron. */
export const thresholdLimit = 64;

/** Cuts of all layers, float32[]. */
export const cutsKey = 'hearth.gate_cuts';

/** A predictor's tensors. The input matrix, which all neurons share, is in the base tile; a neuron's row is in its tile. */
export const predictorTensors = [
  { role: 'predictorInput', name: 'ffn_predictor_in.weight', split: 'whole' },
  { role: 'predictorOutput', name: 'ffn_predictor_out.weight', split: 'neuron-rows' },
  { role: 'predictorBias', name: 'ffn_predictor_out.bias', split: 'neuron-rows' },
] as const satisfies readonly Omit<TensorRule, 'shape'>[];

/** GGUF names of a layer's predictor. */
export function predictorNames(layer: number): { input: string; output: string; bias: string } {
  const [input, output, bias] = predictorTensors.map(({ name }) => `blk.${layer}.${name}`);
  return { input: input!, output: output!, bias: bias! };
}

/** Of a layer that has one. */
export function predictorOf(
  approximation: Approximation | undefined,
  layer: number,
): PredictorShape | undefined {
  return approximation?.kind === 'predicted' ? (approximation.predictors[layer] ?? undefined) : undefined;
}

/** A layer's cut; 0 where nothing is left out by one. */
export function cutOf(approximation: Approximation | undefined, layer: number): number {
  return approximation?.kind === 'cut' ? approximation.cuts[layer]! : 0;
}

/** Ranks are multiples of it: so many rows stand beside each other in a matrix. */
export const rankStep = 8;

/** The largest rank of a description's predictors, 0 where there is none. */
export function largestRank(approximation: Approximation | undefined): number {
  if (approximation?.kind !== 'predicted') return 0;
  return Math.max(0, ...approximation.predictors.map((predictor) => predictor?.rank ?? 0));
}

/** Why answers are not exact, for people. */
export function inexactness(approximation: Approximation | undefined): string | undefined {
  if (!approximation) return undefined;
  return approximation.kind === 'cut'
    ? 'neurons with small gates were left out'
    : `neurons were predicted, at threshold ${approximation.threshold}`;
}

/** Whether a file has what an approximation takes. */
export function canApproximate({ tensors, metadata }: GgufFile): boolean {
  const predicted = [...tensors.keys()].some((name) => name.endsWith(predictorTensors[0].name));
  return predicted || metadata.has(cutsKey);
}

/**
 * @throws HearthError USAGE for a file without predictors and cuts; MODEL_BAD_TENSOR, MODEL_BAD_METADATA for wrong ones
 */
export function readApproximation(
  gguf: GgufFile,
  config: ModelConfig,
  { threshold }: ApproximationChoice,
): Approximation {
  if (!canApproximate(gguf))
    throw new HearthError(
      'USAGE',
      'this model cannot be predicted: it has no predictors, which hearth profile --train-predictor and hearth sparsify ' +
        'make for a ReLU model, and no cuts, which they make for a SwiGLU model',
      {},
    );
  if (gguf.metadata.has(cutsKey)) return { kind: 'cut', cuts: readCuts(gguf, config) };
  const predictors = Array.from({ length: config.layerCount }, (_, layer) =>
    readPredictor(gguf, config, layer),
  );
  return { kind: 'predicted', threshold, predictors };
}

function readCuts({ metadata }: GgufFile, { layerCount, activation }: ModelConfig): number[] {
  const cuts = Array.from(metadata.numbers(cutsKey));
  if (cuts.length === layerCount && cuts.every((cut) => cut >= 0) && activation === 'silu') return cuts;
  throw new HearthError(
    'MODEL_BAD_METADATA',
    `${cutsKey} is not a number of at least 0 for each of the ${layerCount} layers of a SwiGLU model`,
    { key: cutsKey },
  );
}

function readPredictor(
  { tensors }: Pick<TensorFile, 'tensors'>,
  { hiddenSize, intermediateSize }: ModelConfig,
  layer: number,
): PredictorShape | null {
  const names = predictorNames(layer);
  const [input, output, bias] = [names.input, names.output, names.bias].map((name) => tensors.get(name));
  if (!input) return null;
  const rank = input.shape[0]!;
  const fits = (shape: readonly number[] | undefined, ...expected: number[]) =>
    shape?.length === expected.length && expected.every((size, i) => shape[i] === size);
  const sound =
    fits(input.shape, rank, hiddenSize) &&
    fits(output?.shape, intermediateSize, rank) &&
    fits(bias?.shape, intermediateSize) &&
    rank % rankStep === 0 &&
    rank % kernelFormats[output!.type].blockColumns === 0;
  if (sound) return { rank, input: input.type, output: output!.type };
  throw new HearthError(
    'MODEL_BAD_TENSOR',
    `the predictor of layer ${layer} lacks a tensor or has wrong shapes: write the model again with hearth sparsify`,
    { layer },
  );
}
