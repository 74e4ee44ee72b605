import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import { headOf, type OracleModel, readOracleModel, tensorOf } from './oracle-model.ts';
import { rotationAt } from './rope-angles.ts';

/**
 * One forward pass in TensorFlow.js operators: an oracle for the runtime's decoder that was written from the
 * architecture's definition and shares no arithmetic with it.
 * @param tokens one sequence from position 0
 * @returns float32 logits [tokens, vocabSize]
 */
export async function tfjsForward(gguf: GgufFile, tokens: readonly number[]): Promise<Float32Array> {
  // TensorFlow.js advertises its native package once in Node, except in tests.
  tf.env().set('IS_TEST', true);
  await tf.setBackend('cpu');
  const model = await readOracleModel(gguf);
  const logits = tf.tidy(() => forward(model, tokens));
  const values = await logits.data<'float32'>();
  logits.dispose();
  return values;
}

function forward(model: OracleModel, tokens: readonly number[]): tf.Tensor2D {
  const embedding = weight(model, 'token_embd.weight');
  let residual: tf.Tensor = tf.gather(embedding, tf.tensor1d([...tokens], 'int32')); // [tokens, hiddenSize]
  const rotate = rotation(model, tokens.length);
  for (let layer = 0; layer < model.layerCount; layer += 1) {
    residual = tf.add(
      residual,
      attention(model, layer, norm(model, `blk.${layer}.attn_norm`, residual), rotate),
    );
    residual = tf.add(residual, feedForward(model, layer, norm(model, `blk.${layer}.ffn_norm`, residual)));
  }
  const head = headOf(model);
  return product(norm(model, 'output_norm', residual), weight(model, head.name)) as tf.Tensor2D;
}

type Rotate = (heads: tf.Tensor3D) => tf.Tensor3D;

function attention(model: OracleModel, layer: number, x: tf.Tensor, rotate: Rotate): tf.Tensor {
  const { headCount, kvHeadCount, headDim } = model;
  const count = x.shape[0]!;
  const heads = (name: string, number: number): tf.Tensor3D =>
    tf.reshape(projection(model, `blk.${layer}.${name}`, x), [count, number, headDim]);
  const query = tf.transpose(rotate(heads('attn_q', headCount)), [1, 0, 2]); // [headCount, tokens, headDim]
  const key = shareHeads(rotate(heads('attn_k', kvHeadCount)), headCount);
  const value = shareHeads(heads('attn_v', kvHeadCount), headCount);
  const scores = tf.div(tf.matMul(query, key, false, true), Math.sqrt(headDim)); // [headCount, tokens, tokens]
  const past = tf.linalg.bandPart(tf.ones([count, count]), -1, 0); // 1 on and below the diagonal
  const masked = tf.where(tf.cast(past, 'bool'), scores, -1e30);
  const mixed = tf.matMul(tf.softmax(masked), value); // [headCount, tokens, headDim]
  const joined = tf.reshape(tf.transpose(mixed, [1, 0, 2]), [count, headCount * headDim]);
  return product(joined, weight(model, `blk.${layer}.attn_output.weight`));
}

/** Each KV head beside each of its query heads: [tokens, kvHeadCount, headDim] → [headCount, tokens, headDim]. */
function shareHeads(heads: tf.Tensor3D, headCount: number): tf.Tensor3D {
  const [count, kvHeadCount, headDim] = heads.shape;
  const repeated = tf.tile(tf.reshape(heads, [count, kvHeadCount, 1, headDim]), [
    1,
    1,
    headCount / kvHeadCount,
    1,
  ]);
  return tf.transpose(tf.reshape(repeated, [count, headCount, headDim]), [1, 0, 2]);
}

const neurons: Readonly<Record<OracleModel['activation'], (gate: tf.Tensor, up: tf.Tensor) => tf.Tensor>> = {
  silu: (gate, up) => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up),
  relu: (gate, up) => tf.mul(tf.relu(gate), up),
  relu2: (gate, up) => tf.mul(tf.square(tf.relu(gate)), up),
  drelu: (gate, up) => tf.mul(tf.relu(gate), tf.relu(up)),
};

function feedForward(model: OracleModel, layer: number, x: tf.Tensor): tf.Tensor {
  const gate = product(x, weight(model, `blk.${layer}.ffn_gate.weight`));
  const up = product(x, weight(model, `blk.${layer}.ffn_up.weight`));
  return product(neurons[model.activation](gate, up), weight(model, `blk.${layer}.ffn_down.weight`));
}

/** Turns each pair of elements by its angle; elements behind the rotated dimensions stay. */
function rotation({ rope, headDim }: OracleModel, count: number): Rotate {
  const pairs = rope.dimensions / 2;
  const rotations = Array.from({ length: count }, (_, position) => rotationAt(rope, position));
  const table = (part: 'cos' | 'sin') =>
    tf.tensor3d(Float32Array.from(rotations.flatMap((r) => [...r[part]])), [count, 1, pairs]);
  const [cos, sin] = [table('cos'), table('sin')];
  // Neighbours lie along the last axis of [pairs, 2], halves along the first of [2, pairs].
  const grid = rope.pairs === 'neighbours' ? [pairs, 2] : [2, pairs];
  const axis = rope.pairs === 'neighbours' ? 3 : 2;
  return (heads) => {
    const [, number] = heads.shape;
    const [turned, rest] = tf.split(heads, [rope.dimensions, headDim - rope.dimensions], 2);
    const [a, b] = tf.unstack(tf.reshape(turned!, [count, number, ...grid]), axis) as [tf.Tensor, tf.Tensor];
    const first = tf.sub(tf.mul(a, cos), tf.mul(b, sin));
    const second = tf.add(tf.mul(a, sin), tf.mul(b, cos));
    const both = tf.reshape(tf.stack([first, second], axis), [count, number, rope.dimensions]);
    return tf.concat([both, rest!], 2) as tf.Tensor3D;
  };
}

function projection(model: OracleModel, name: string, x: tf.Tensor): tf.Tensor {
  const y = product(x, weight(model, `${name}.weight`));
  return model.tensors.has(`${name}.bias`) ? tf.add(y, weight(model, `${name}.bias`)) : y;
}

function norm(model: OracleModel, name: string, x: tf.Tensor): tf.Tensor {
  const meanSquare = tf.mean(tf.square(x), -1, true);
  const scale = tf.rsqrt(tf.add(meanSquare, model.epsilon));
  return tf.mul(tf.mul(x, scale), weight(model, `${name}.weight`));
}

/** x [tokens, columns] by w [rows, columns] → [tokens, rows]. */
function product(x: tf.Tensor, w: tf.Tensor): tf.Tensor {
  return tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true);
}

function weight(model: OracleModel, name: string): tf.Tensor {
  const { values, shape } = tensorOf(model, name);
  return tf.tensor(values, [...shape]);
}
