import type { TensorPlan } from '../../runtime/gguf/header-writer.ts';
import type { ModelShape, RopeStretch } from './model-shapes.ts';
import type { Spread } from './random-weights.ts';

/** A tensor of a model with random weights. */
export interface ShapeTensor extends TensorPlan {
  /** Values that must not be random. */
  readonly values?: Float32Array;
  /** Of values that are. */
  readonly spread?: Spread;
}

/** All tensors of a shape, matrices in F16, in llama.cpp's order. */
export function shapeTensors(shape: ModelShape): ShapeTensor[] {
  const { hiddenSize, vocabSize, layerCount, ropeStretch, tiedEmbeddings } = shape;
  const embedding = { ...matrix('token_embd.weight', vocabSize, hiddenSize), ...embeddingSpread(shape) };
  const layers = Array.from({ length: layerCount }, (_, layer) => layerTensors(shape, `blk.${layer}.`));
  return [
    embedding,
    ...(ropeStretch ? [vector('rope_freqs.weight', ropeFactors(shape, ropeStretch))] : []),
    ...layers.flat(),
    norm('output_norm.weight', hiddenSize),
    ...(tiedEmbeddings ? [] : [matrix('output.weight', vocabSize, hiddenSize)]),
  ];
}

function layerTensors(shape: ModelShape, prefix: string): ShapeTensor[] {
  const { architecture, hiddenSize, intermediateSize, headCount, kvHeadCount } = shape;
  const kvRows = kvHeadCount * (hiddenSize / headCount);
  const tensors = [
    norm('attn_norm.weight', hiddenSize),
    matrix('attn_q.weight', hiddenSize, hiddenSize),
    matrix('attn_k.weight', kvRows, hiddenSize),
    matrix('attn_v.weight', kvRows, hiddenSize),
    matrix('attn_output.weight', hiddenSize, hiddenSize),
    norm('ffn_norm.weight', hiddenSize),
    { ...matrix('ffn_gate.weight', intermediateSize, hiddenSize), ...gateSpread(shape) },
    matrix('ffn_up.weight', intermediateSize, hiddenSize),
    matrix('ffn_down.weight', hiddenSize, intermediateSize),
  ];
  if (architecture === 'qwen2') {
    tensors.push(bias('attn_q.bias', hiddenSize), bias('attn_k.bias', kvRows), bias('attn_v.bias', kvRows));
  }
  return tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
}

/**
 * Embeddings with a mean, so large that what layers add changes little: half of what a gate is multiplied by is alike for
 * all tokens. Then a gate's random weights make it larger or smaller once and for all, and a mean of its own makes it
 * negative as often as `silence` says.
 */
function embeddingSpread({ silence }: ModelShape): { spread?: Spread } {
  return silence === undefined ? {} : { spread: { mean: 8, deviation: 8 } };
}

function gateSpread({ silence, hiddenSize }: ModelShape): { spread?: Spread } {
  if (silence === undefined) return {};
  return { spread: { mean: (-silence * Math.SQRT2) / hiddenSize, deviation: 1 / Math.sqrt(hiddenSize) } };
}

const matrix = (name: string, rows: number, columns: number): ShapeTensor => ({
  name,
  type: 'F16',
  shape: [rows, columns],
});

const bias = (name: string, length: number): ShapeTensor => ({ name, type: 'F32', shape: [length] });

const vector = (name: string, values: Float32Array): ShapeTensor => ({
  name,
  type: 'F32',
  shape: [values.length],
  values,
});

const norm = (name: string, length: number): ShapeTensor => vector(name, new Float32Array(length).fill(1));

/**
 * What each rotation's frequency is divided by: 1 for fast ones, `factor` for those slower than the original
 * context, and a smooth way between. Source: transformers, modeling_rope_utils.py, `llama3`.
 */
function ropeFactors({ hiddenSize, headCount, ropeBase }: ModelShape, stretch: RopeStretch): Float32Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = stretch;
  const headDim = hiddenSize / headCount;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * ropeBase ** ((2 * i) / headDim);
    const rotations = originalContextLength / wavelength;
    const smooth = Math.min(1, Math.max(0, (rotations - low) / (high - low)));
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
