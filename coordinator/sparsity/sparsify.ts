import { assert, HearthError } from '../../runtime/error.ts';
import type { GgufFile, GgufTensor } from '../../runtime/gguf/gguf.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import { rowFormats } from '../../runtime/kernels/row-formats.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import type { ModelContents } from '../files/write-model.ts';
import { encode, type RowEncoder, rowRanges, wholeMetadata } from '../quantize/quantize.ts';
import type { FiringProfile } from './firing-profile.ts';
import { neuronOrder } from './neuron-order.ts';
import { transposedRows } from './transposed-rows.ts';

/**
 * A model with a ReLU gate, written so that neurons which do not fire need not be read: each layer's neurons in tiles that
 * are hot or cold as a whole, which leaves the function as it is; up in a type that is computed row by
 * row; down transposed, so that a neuron is one row of all three matrices.
 * @param type of up and down; by default their own where it can be computed row by row, else Q8_0
 * @throws HearthError MODEL_UNSUPPORTED where all neurons fire; MODEL_BAD_TENSOR when a tensor is read
 */
export function sparsifyModel(
  gguf: GgufFile,
  config: ModelConfig,
  { counts }: FiringProfile,
  encoder: RowEncoder,
  type?: QuantTypeName,
): ModelContents {
  if (config.activation === 'silu')
    throw new HearthError(
      'MODEL_UNSUPPORTED',
      'all neurons of this model fire for every token: its gate is no ReLU, so none can be skipped',
    );
  if (config.hiddenSize % 32 !== 0)
    throw new HearthError(
      'MODEL_UNSUPPORTED',
      `neurons of ${config.hiddenSize} weights are not whole blocks of 32: they cannot be skipped`,
      { hiddenSize: config.hiddenSize },
    );
  const orders = counts.map(neuronOrder);
  const tensors = [...gguf.tensors.values()].map((tensor): TensorSource => {
    const [, layer, role] = /^blk\.(\d+)\.ffn_(gate|up|down|down_t)\.weight$/.exec(tensor.name) ?? [];
    const { name, shape } = tensor;
    if (layer === undefined) return { name, shape, type: tensor.type, read: () => rowRanges(gguf, tensor) };
    const order = orders[Number(layer)]!;
    const to = role === 'gate' ? tensor.type : (type ?? rowType(tensor.type));
    if (role !== 'down') return reordered(gguf, tensor, order, to, encoder);
    return {
      name: name.replace('ffn_down', 'ffn_down_t'),
      shape: shape.toReversed(),
      type: to,
      read: () => transposedRows(gguf, tensor, order, to, encoder),
    };
  });
  const metadata = wholeMetadata(gguf);
  metadata.set(`${config.architecture}.hidden_activation`, { type: 'string', value: config.activation });
  return { metadata, tensors };
}

function rowType(type: QuantTypeName): QuantTypeName {
  return Object.hasOwn(rowFormats, type) ? type : 'Q8_0';
}

/** Rows in another order, in another type if need be. */
function reordered(
  gguf: GgufFile,
  tensor: GgufTensor,
  order: readonly number[],
  type: QuantTypeName,
  encoder: RowEncoder,
): TensorSource {
  async function* read() {
    const source = await gguf.readTensor(tensor.name);
    const { rowByteLength } = tensor;
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
