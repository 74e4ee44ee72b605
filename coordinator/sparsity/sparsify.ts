import { assert, HearthError } from '../../runtime/error.ts';
import type { GgufFile, GgufTensor } from '../../runtime/gguf/gguf.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import { rowFormats } from '../../runtime/kernels/row-formats.ts';
import { cutsKey } from '../../runtime/model/approximation.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import { firingKey, namedKey, tileFiringKey } from '../../runtime/model/row-shares.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { ffnTileNeurons } from '../../runtime/tile/spec.ts';
import type { ModelContents } from '../files/write-model.ts';
import { encode, type RowEncoder, rowRanges, wholeMetadata } from '../quantize/quantize.ts';
import type { FiringProfile } from './firing-profile.ts';
import { neuronOrder } from './neuron-order.ts';
import { transposedRows } from './transposed-rows.ts';

export interface SparsifyOptions {
  /** Of up and down, and of predicted gates; by default their own where it can be computed row by row, else Q8_0. */
  readonly type?: QuantTypeName | undefined;
  /** Its tensors go into the model, in place of those that it has; without it those stay. */
  readonly predictors?: GgufFile | undefined;
}

/**
 * A model written so that neurons which do not fire need not be read: each layer's neurons in tiles that are hot or cold as a
 * whole, which leaves the function as it is; up in a type that is computed row by row; down transposed, so that a neuron
 * is one row of all three matrices. Predictors and a SwiGLU model's cuts go with it, for whoever asks for them.
 * @throws HearthError USAGE for a SwiGLU model whose profile has no cuts, or with predictors; MODEL_UNSUPPORTED for one
 *   whose rows are not whole blocks; MODEL_BAD_TENSOR when a tensor is read
 */
export function sparsifyModel(
  gguf: GgufFile,
  config: ModelConfig,
  { counts, cuts, tokens: read }: FiringProfile,
  encoder: RowEncoder,
  { type, predictors }: SparsifyOptions = {},
): ModelContents {
  checkModel(config, cuts, predictors);
  const orders = counts.map(neuronOrder);
  const own = [...gguf.tensors.values()].filter(({ name }) => !predictors || !predictorName.test(name));
  const isPredicted = [...own, ...(predictors?.tensors.values() ?? [])].some((it) =>
    predictorName.test(it.name),
  );
  const sourceOf = (file: GgufFile) => (tensor: GgufTensor) => {
    const [, layer, role] = neuronTensor.exec(tensor.name) ?? [];
    const { name, shape } = tensor;
    if (layer === undefined) return { name, shape, type: tensor.type, read: () => rowRanges(file, tensor) };
    const order = orders[Number(layer)]!;
    const asItIs = role!.startsWith('predictor') || (role === 'gate' && !isPredicted);
    const to = asItIs ? tensor.type : (type ?? rowType(tensor.type));
    if (role !== 'down') return reordered(file, tensor, order, to, encoder);
    return {
      name: name.replace('ffn_down', 'ffn_down_t'),
      shape: shape.toReversed(),
      type: to,
      read: () => transposedRows(file, tensor, order, to, encoder),
    };
  };
  const tensors = own.map(sourceOf(gguf));
  if (predictors) tensors.push(...[...predictors.tensors.values()].map(sourceOf(predictors)));
  const metadata = wholeMetadata(gguf);
  metadata.set(`${config.architecture}.hidden_activation`, { type: 'string', value: config.activation });
  const floats = (values: readonly number[]) =>
    ({ type: 'float32[]', value: Float32Array.from(values) }) as const;
  const firing = counts.map((row) => row.reduce((sum, count) => sum + count, 0) / (row.length * read));
  metadata.set(firingKey, floats(firing));
  const inTiles = counts.flatMap((row, layer) => tileSums(row, orders[layer]!));
  metadata.set(tileFiringKey, floats(inTiles.map((count) => count / read)));
  if (cuts) metadata.set(cutsKey, floats(cuts));
  if (predictors?.metadata.has(namedKey))
    metadata.set(namedKey, floats(Array.from(predictors.metadata.numbers(namedKey))));
  return { metadata, tensors };
}

/** Of each tile, in their new order, how often its neurons fired. */
function tileSums(counts: readonly number[], order: readonly number[]): number[] {
  const sums = new Array<number>(Math.ceil(order.length / ffnTileNeurons)).fill(0);
  order.forEach((neuron, place) => {
    sums[Math.floor(place / ffnTileNeurons)]! += counts[neuron]!;
  });
  return sums;
}

/** Tensors with a row for each neuron, or down. */
const neuronTensor = /^blk\.(\d+)\.ffn_(gate|up|down|down_t|predictor_out)\.(?:weight|bias)$/;
const predictorName = /^blk\.\d+\.ffn_predictor_/;

function checkModel(
  { activation, hiddenSize }: ModelConfig,
  cuts: readonly number[] | undefined,
  predictors: GgufFile | undefined,
): void {
  if (activation === 'silu' && predictors)
    throw new HearthError('USAGE', 'predictors are of a model with a ReLU gate, and this one has SwiGLU', {});
  if ((activation === 'silu') !== (cuts !== undefined))
    throw new HearthError(
      'USAGE',
      'the profile is of another activation: hearth profile MODEL makes it anew',
      {},
    );
  if (hiddenSize % 32 !== 0)
    throw new HearthError(
      'MODEL_UNSUPPORTED',
      `neurons of ${hiddenSize} weights are not whole blocks of 32: they cannot be skipped`,
      { hiddenSize },
    );
}

function rowType(type: QuantTypeName): QuantTypeName {
  return Object.hasOwn(rowFormats, type) ? type : 'Q8_0';
}

/** Rows in another order, in another type if need be; of a vector, elements. */
function reordered(
  gguf: GgufFile,
  tensor: GgufTensor,
  order: readonly number[],
  type: QuantTypeName,
  encoder: RowEncoder,
): TensorSource {
  async function* read() {
    const source = await gguf.readTensor(tensor.name);
    const rowByteLength = tensor.byteLength / tensor.shape[0]!;
    assert(source.length === order.length * rowByteLength, 'a row for each neuron', tensor.name);
    const rows = new Uint8Array(source.length);
    order.forEach((from, to) => {
      const row = source.subarray(from * rowByteLength, (from + 1) * rowByteLength);
      rows.set(row, to * rowByteLength);
    });
    if (type === tensor.type) yield rows;
    else yield await encode(encoder, tensor.name, { from: tensor.type, to: type, bytes: rows });
  }
  return { name: tensor.name, shape: tensor.shape, type, read };
}
