import type { Architecture, TensorRule } from './architecture.ts';

/** The tensors that every decoder of the Llama family shares, in the order of the computation. */
export const sharedLayerTensors: readonly TensorRule[] = [
  { role: 'attentionNorm', name: 'attn_norm.weight', split: 'whole', shape: (c) => [c.hiddenSize] },
  {
    role: 'query',
    name: 'attn_q.weight',
    split: 'query-head-rows',
    shape: (c) => [c.headCount * c.headDim, c.hiddenSize],
  },
  {
    role: 'key',
    name: 'attn_k.weight',
    split: 'kv-head-rows',
    shape: (c) => [c.kvHeadCount * c.headDim, c.hiddenSize],
  },
  {
    role: 'value',
    name: 'attn_v.weight',
    split: 'kv-head-rows',
    shape: (c) => [c.kvHeadCount * c.headDim, c.hiddenSize],
  },
  {
    role: 'attentionOutput',
    name: 'attn_output.weight',
    split: 'query-head-columns',
    shape: (c) => [c.hiddenSize, c.headCount * c.headDim],
  },
  { role: 'ffnNorm', name: 'ffn_norm.weight', split: 'whole', shape: (c) => [c.hiddenSize] },
  {
    role: 'gate',
    name: 'ffn_gate.weight',
    split: 'neuron-rows',
    shape: (c) => [c.intermediateSize, c.hiddenSize],
  },
  {
    role: 'up',
    name: 'ffn_up.weight',
    split: 'neuron-rows',
    shape: (c) => [c.intermediateSize, c.hiddenSize],
  },
  {
    role: 'down',
    name: 'ffn_down.weight',
    split: 'neuron-columns',
    shape: (c) => [c.hiddenSize, c.intermediateSize],
  },
];

/** Down, transposed: a neuron is a row, in place of a column. */
const downByNeuron: TensorRule = {
  role: 'down',
  name: 'ffn_down_t.weight',
  split: 'neuron-rows',
  shape: (c) => [c.intermediateSize, c.hiddenSize],
};

/** Tensors of one layer in a file that has down transposed, or not. */
export function layerRules({ layerTensors }: Architecture, neuronRows: boolean): readonly TensorRule[] {
  return neuronRows ? layerTensors.map((rule) => (rule.role === 'down' ? downByNeuron : rule)) : layerTensors;
}

/** Biases of Q, K and V: they belong to the rows of their heads. */
export const attentionBiases = (optional: boolean): readonly TensorRule[] =>
  (
    [
      {
        role: 'queryBias',
        name: 'attn_q.bias',
        split: 'query-head-rows',
        shape: (c) => [c.headCount * c.headDim],
      },
      {
        role: 'keyBias',
        name: 'attn_k.bias',
        split: 'kv-head-rows',
        shape: (c) => [c.kvHeadCount * c.headDim],
      },
      {
        role: 'valueBias',
        name: 'attn_v.bias',
        split: 'kv-head-rows',
        shape: (c) => [c.kvHeadCount * c.headDim],
      },
    ] satisfies TensorRule[]
  ).map((rule) => (optional ? { ...rule, optional: true } : rule));

export const sharedGlobalTensors: readonly TensorRule[] = [
  { role: 'outputNorm', name: 'output_norm.weight', split: 'whole', shape: (c) => [c.hiddenSize] },
  // Tied embeddings: without a head of its own, the model's embedding is its head.
  {
    role: 'output',
    name: 'output.weight',
    split: 'vocabulary-rows',
    shape: (c) => [c.vocabSize, c.hiddenSize],
    fallbackName: 'token_embd.weight',
  },
  {
    role: 'ropeFactors',
    name: 'rope_freqs.weight',
    split: 'whole',
    shape: (c) => [c.rope.dimensions / 2],
    optional: true,
  },
];
