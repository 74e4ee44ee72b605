import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import { exactArithmetic, type OracleArithmetic } from './oracle-arithmetic.ts';
import { headOf, type OracleModel, readOracleModel, tensorOf } from './oracle-model.ts';
import { rotationAt } from './rope-angles.ts';

/** One row per token. */
type Rows = Float64Array[];

/**
 * One forward pass in plain float64 loops. With `exactArithmetic` it is the reference; with roundings switched on
 * it shows what each of them costs, free of the noise of float32.
 * @param tokens one sequence from position 0
 * @returns logits, one row of float64 [vocabSize] per token
 */
export async function f64Forward(
  gguf: GgufFile,
  tokens: readonly number[],
  arithmetic: OracleArithmetic = exactArithmetic,
): Promise<Rows> {
  const model = await readOracleModel(gguf);
  const embedding = tensorOf(model, 'token_embd.weight');
  let residual: Rows = tokens.map((token) =>
    Float64Array.from(embedding.values.subarray(token * model.hiddenSize, (token + 1) * model.hiddenSize)),
  );
  for (let layer = 0; layer < model.layerCount; layer += 1) {
    const attended = attend(model, layer, norm(model, `blk.${layer}.attn_norm`, residual), arithmetic);
    const output = tensorOf(model, `blk.${layer}.attn_output.weight`);
    residual = arithmetic.addProduct(
      residual,
      output,
      attended,
      attentionTileColumns(model, output.type, arithmetic),
    );
    const fired = fire(model, layer, norm(model, `blk.${layer}.ffn_norm`, residual), arithmetic);
    residual = arithmetic.addProduct(
      residual,
      tensorOf(model, `blk.${layer}.ffn_down.weight`),
      fired,
      ffnTileColumns,
    );
  }
  return arithmetic.product(headOf(model), norm(model, 'output_norm', residual));
}

const ffnTileColumns = 256;

/** Columns of the attention output in one tile: the fewest KV heads that fill whole blocks. */
function attentionTileColumns(model: OracleModel, type: string, { blockColumns }: OracleArithmetic): number {
  const perKvHead = (model.headCount / model.kvHeadCount) * model.headDim;
  let columns = perKvHead;
  while (columns % blockColumns(type) !== 0 && columns < model.headCount * model.headDim)
    columns += perKvHead;
  return columns;
}

function norm(model: OracleModel, name: string, rows: Rows): Rows {
  const weights = tensorOf(model, `${name}.weight`).values;
  return rows.map((x) => {
    const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / x.length;
    const scale = 1 / Math.sqrt(meanSquare + model.epsilon);
    return x.map((value, i) => value * scale * weights[i]!);
  });
}

/** The mixed values of all heads, [tokens, headCount × headDim]. */
function attend(model: OracleModel, layer: number, x: Rows, arithmetic: OracleArithmetic): Rows {
  const project = (name: string) => withBias(model, `blk.${layer}.${name}`, x, arithmetic);
  const queries = project('attn_q').map((row, position) => rotate(model, row, position));
  const keys = project('attn_k').map((row, position) => rotate(model, row, position));
  const values = project('attn_v');
  return queries.map((query, position) => {
    const mixed = new Float64Array(query.length);
    for (let head = 0; head < model.headCount; head += 1)
      attendHead(model, head, position, query, keys, values, mixed);
    return mixed;
  });
}

/** Softmax over the positions up to this one, for one query head. */
function attendHead(
  { headDim, headCount, kvHeadCount }: OracleModel,
  head: number,
  position: number,
  query: Float64Array,
  keys: Rows,
  values: Rows,
  mixed: Float64Array,
): void {
  const from = head * headDim;
  const kvFrom = Math.floor(head / (headCount / kvHeadCount)) * headDim;
  const scores = keys.slice(0, position + 1).map((key) => {
    let sum = 0;
    for (let i = 0; i < headDim; i += 1) sum += query[from + i]! * key[kvFrom + i]!;
    return sum / Math.sqrt(headDim);
  });
  const highest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - highest));
  const total = weights.reduce((a, b) => a + b);
  weights.forEach((weight, past) => {
    for (let i = 0; i < headDim; i += 1) mixed[from + i]! += (weight / total) * values[past]![kvFrom + i]!;
  });
}

/** Turns each pair of elements of every head in the row. */
function rotate({ rope, headDim }: OracleModel, row: Float64Array, position: number): Float64Array {
  const { cos, sin } = rotationAt(rope, position);
  const rotated = row.slice();
  for (let head = 0; head < row.length; head += headDim) {
    for (let pair = 0; pair < cos.length; pair += 1) {
      const first = head + (rope.pairs === 'neighbours' ? 2 * pair : pair);
      const second = rope.pairs === 'neighbours' ? first + 1 : first + cos.length;
      rotated[first] = row[first]! * cos[pair]! - row[second]! * sin[pair]!;
      rotated[second] = row[first]! * sin[pair]! + row[second]! * cos[pair]!;
    }
  }
  return rotated;
}

const neurons: Readonly<Record<OracleModel['activation'], (gate: number, up: number) => number>> = {
  silu: (gate, up) => (gate / (1 + Math.exp(-gate))) * up,
  relu: (gate, up) => Math.max(gate, 0) * up,
  relu2: (gate, up) => Math.max(gate, 0) ** 2 * up,
  drelu: (gate, up) => Math.max(gate, 0) * Math.max(up, 0),
};

/** Neurons of gate and up, [tokens, intermediateSize]. */
function fire(model: OracleModel, layer: number, x: Rows, arithmetic: OracleArithmetic): Rows {
  const gates = arithmetic.product(tensorOf(model, `blk.${layer}.ffn_gate.weight`), x);
  const ups = arithmetic.product(tensorOf(model, `blk.${layer}.ffn_up.weight`), x);
  const neuron = neurons[model.activation];
  return gates.map((gate, token) => gate.map((value, i) => neuron(value, ups[token]![i]!)));
}

function withBias(model: OracleModel, name: string, x: Rows, arithmetic: OracleArithmetic): Rows {
  const rows = arithmetic.product(tensorOf(model, `${name}.weight`), x);
  const bias = model.tensors.get(`${name}.bias`)?.values;
  return bias ? rows.map((row) => row.map((value, i) => value + bias[i]!)) : rows;
}
