import { describe, expect, test } from 'vitest';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { editedModel, type ModelParts } from '../support/edited-model.ts';
import { memorySource } from '../support/memory-source.ts';
import { smallShape, syntheticModel } from '../support/synthetic-model.ts';

const open = async (bytes: Uint8Array | Promise<Uint8Array>) => openModelFile(memorySource(await bytes));

function withMetadata(key: string, value: number | string): (parts: ModelParts) => void {
  return ({ metadata }) => {
    metadata[key] = typeof value === 'string' ? { type: 'string', value } : { type: 'float32', value };
    if (Number.isInteger(value)) metadata[key] = { type: 'uint32', value: value as number };
  };
}

function without(name: string): (parts: ModelParts) => void {
  return ({ tensors }) => {
    const index = tensors.findIndex((tensor) => tensor.name === name);
    expect(index, `${name} is there to be removed`).toBeGreaterThanOrEqual(0);
    tensors.splice(index, 1);
  };
}

describe('a file that is no model that can run', () => {
  test('of an unknown architecture: the error lists the known ones', async () => {
    const error = await open(editedModel(withMetadata('general.architecture', 'mamba'))).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({
      code: 'MODEL_UNKNOWN_ARCHITECTURE',
      fields: { known: 'llama, qwen2, bamboo' },
    });
  });

  test.each([
    ['token_embd.weight'],
    ['blk.1.ffn_down.weight'],
    ['blk.0.attn_norm.weight'],
    ['output_norm.weight'],
  ])('without %s', async (name) => {
    await expect(open(editedModel(without(name)))).rejects.toMatchObject({ code: 'MODEL_BAD_TENSOR' });
  });

  test('with some biases but not all', async () => {
    const edit = ({ tensors }: ModelParts) => {
      tensors.push({
        name: 'blk.0.attn_q.bias',
        type: 'F32',
        shape: [4 * 128],
        data: new Uint8Array(4 * 4 * 128),
      });
    };
    await expect(open(editedModel(edit))).rejects.toMatchObject({
      code: 'MODEL_BAD_TENSOR',
      fields: { present: 1, total: 6 },
    });
  });

  test('without a bias that its architecture has', async () => {
    const model = editedModel(without('blk.1.attn_k.bias'), { architecture: 'qwen2' });
    await expect(open(model)).rejects.toMatchObject({ fields: { tensor: 'blk.1.attn_k.bias' } });
  });

  test.each([
    ['llama.feed_forward_length', 768, 'MODEL_BAD_TENSOR'],
    ['llama.attention.head_count_kv', 3, 'MODEL_BAD_METADATA'],
    ['llama.attention.head_count_kv', 0, 'MODEL_BAD_METADATA'],
    ['llama.block_count', 3, 'MODEL_BAD_TENSOR'],
    ['llama.block_count', 2 ** 31, 'MODEL_BAD_METADATA'],
    ['llama.embedding_length', 255, 'MODEL_UNSUPPORTED'],
    ['llama.attention.value_length', 64, 'MODEL_UNSUPPORTED'],
    ['llama.attention.layer_norm_rms_epsilon', 2, 'MODEL_BAD_METADATA'],
    ['llama.rope.dimension_count', 7, 'MODEL_BAD_METADATA'],
    ['llama.rope.dimension_count', 130, 'MODEL_BAD_METADATA'],
    ['llama.rope.scaling.type', 'longrope', 'MODEL_UNSUPPORTED'],
    ['llama.expert_count', 8, 'MODEL_UNSUPPORTED'],
    ['llama.context_length', 'long', 'MODEL_BAD_METADATA'],
  ])('with %s = %s', async (key, value, code) => {
    const edit = (parts: ModelParts) => {
      withMetadata(key, value)(parts);
      if (key.endsWith('scaling.type')) withMetadata('llama.rope.scaling.factor', 4)(parts);
    };
    await expect(open(editedModel(edit))).rejects.toMatchObject({ code });
  });
});

describe('ModelFile', () => {
  test('takes a scaling factor without a type as linear', async () => {
    const model = await open(editedModel(withMetadata('llama.rope.scaling.factor', 4)));
    expect(model.config.rope.scaling).toEqual({ kind: 'linear', factor: 4 });
  });

  test('computes each matrix in the type in which it is stored', async () => {
    const model = await open(
      syntheticModel({
        ...smallShape,
        type: (role) => (role === 'down' ? 'Q5_0' : role === 'up' ? 'BF16' : 'Q4_0'),
      }),
    );
    expect(model.description.layers[1]).toMatchObject({ down: 'Q5_0', up: 'BF16', gate: 'Q4_0' });
  });

  test.each(['F16', 'Q4_K', 'IQ4_XS'] as const)('embeds tokens as %s rows decode', async (type) => {
    const model = await open(syntheticModel({ ...smallShape, type }));
    const { hiddenSize } = model.config;
    const table = new Float32Array(smallShape.vocabSize * hiddenSize);
    quantFormatNamed(type).decode(await model.gguf.readTensor('token_embd.weight'), table);
    const rows = new Float32Array(3 * hiddenSize);
    await model.embed([519, 0, 77], rows);
    for (const [i, token] of [519, 0, 77].entries()) {
      const expected = table.subarray(token * hiddenSize, (token + 1) * hiddenSize);
      expect(rows.subarray(i * hiddenSize, (i + 1) * hiddenSize)).toEqual(expected);
    }
  });

  test('uses the embedding as the head where there is no other', async () => {
    const model = await open(syntheticModel({ ...smallShape, tiedEmbeddings: true }));
    expect(model.gguf.tensors.has('output.weight')).toBe(false);
    expect(model.tiles.filter((tile) => tile.kind === 'vocabulary')).toHaveLength(2);
  });
});
