import type { TensorSource } from '../../runtime/gguf/writer.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { Random } from './random.ts';
import type { SyntheticModelOptions, WeightRole } from './synthetic-model.ts';

/** Standard deviation of the logits; a trained model's is about as large. */
const logitDeviation = 3;

/**
 * All tensors, in llama.cpp's order. Each is drawn from a stream named after it, so two models that differ in a
 * type or in a shape elsewhere share its values. Scales keep the residual near RMS 1 and the attention scores
 * near deviation 2: neither uniform nor one-hot.
 */
export function syntheticTensors(model: SyntheticModelOptions): TensorSource[] {
  const { hiddenSize, vocabSize, layerCount } = model;
  const tensors = [matrix(model, 'token_embd.weight', 'embedding', -1, [vocabSize, hiddenSize], 1)];
  if (model.ropeFactors) tensors.push(vector('rope_freqs.weight', ropeFactors(model.headDim / 2)));
  for (let layer = 0; layer < layerCount; layer += 1) tensors.push(...layerTensors(model, layer));
  tensors.push(vector('output_norm.weight', outputNorm(model)));
  if (!model.tiedEmbeddings) {
    tensors.push(matrix(model, 'output.weight', 'output', -1, [vocabSize, hiddenSize], 1));
  }
  return tensors;
}

function layerTensors(model: SyntheticModelOptions, layer: number): TensorSource[] {
  const { hiddenSize, intermediateSize, headDim, seed } = model;
  const queryRows = model.headCount * headDim;
  const kvRows = model.kvHeadCount * headDim;
  const perInput = 1 / Math.sqrt(hiddenSize);
  const name = (suffix: string) => `blk.${layer}.${suffix}`;
  const weight = (role: WeightRole, suffix: string, shape: [number, number], deviation: number) =>
    matrix(model, name(`${suffix}.weight`), role, layer, shape, deviation);
  const norm = (suffix: string) =>
    vector(name(suffix), normWeights(Random.named(seed, name(suffix)), hiddenSize));
  const tensors = [
    norm('attn_norm.weight'),
    weight('query', 'attn_q', [queryRows, hiddenSize], 2 * perInput),
    weight('key', 'attn_k', [kvRows, hiddenSize], perInput),
    weight('value', 'attn_v', [kvRows, hiddenSize], perInput),
    weight('attentionOutput', 'attn_output', [hiddenSize, queryRows], 0.7 / Math.sqrt(queryRows)),
    norm('ffn_norm.weight'),
    weight('gate', 'ffn_gate', [intermediateSize, hiddenSize], perInput),
    weight('up', 'ffn_up', [intermediateSize, hiddenSize], perInput),
    model.neuronRows
      ? weight('down', 'ffn_down_t', [intermediateSize, hiddenSize], 1 / Math.sqrt(intermediateSize))
      : weight('down', 'ffn_down', [hiddenSize, intermediateSize], 1 / Math.sqrt(intermediateSize)),
  ];
  if (model.architecture === 'qwen2') {
    const bias = (suffix: string, length: number) =>
      vector(name(suffix), Random.named(seed, name(suffix)).fillNormal(new Float32Array(length), 0.5));
    tensors.push(bias('attn_q.bias', queryRows), bias('attn_k.bias', kvRows), bias('attn_v.bias', kvRows));
  }
  return tensors;
}

function matrix(
  model: SyntheticModelOptions,
  name: string,
  role: WeightRole,
  layer: number,
  shape: [rows: number, columns: number],
  deviation: number,
): TensorSource {
  const type = typeof model.type === 'string' ? model.type : model.type(role, layer);
  const values = new Float32Array(shape[0] * shape[1]);
  Random.named(model.seed, name).fillNormal(values, deviation);
  return tensor(name, type, shape, values);
}

function vector(name: string, values: Float32Array): TensorSource {
  return tensor(name, 'F32', [values.length], values);
}

function tensor(
  name: string,
  type: QuantTypeName,
  shape: readonly number[],
  values: Float32Array,
): TensorSource {
  const format = quantFormatNamed(type);
  if (!format.encode) throw new Error(`${type} has no encoder`);
  const bytes = new Uint8Array((values.length / format.blockSize) * format.blockBytes);
  format.encode(values, bytes);
  return { name, type, shape, read: () => [bytes] };
}

/** Uneven around 1, as trained norms are. */
function normWeights(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => 0.5 + random.unit());
}

/**
 * Sets the deviation of the logits. With signs, for a head that is the embedding: were all weights positive, the
 * token just read would always win, since the residual still holds its embedding.
 */
function outputNorm({ hiddenSize, seed }: SyntheticModelOptions): Float32Array {
  const random = Random.named(seed, 'output_norm.weight');
  const scale = logitDeviation / Math.sqrt(hiddenSize);
  return normWeights(random, hiddenSize).map((weight) => (random.unit() < 0.5 ? -weight : weight) * scale);
}

/** From 1 for the fastest pair to 8 for the slowest: unlike Llama 3.1's, felt in a short prompt too. */
function ropeFactors(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => 1 + (7 * i) / (length - 1));
}
