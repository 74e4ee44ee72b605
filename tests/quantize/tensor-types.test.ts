import { describe, expect, it } from 'vitest';
import { quantizeTargetNamed } from '../../coordinator/quantize/targets.ts';
import { targetTypes } from '../../coordinator/quantize/tensor-types.ts';
import { HearthError } from '../../runtime/error.ts';
import type { TensorPlan } from '../../runtime/gguf/header-writer.ts';

const tensor = (name: string, ...shape: number[]): TensorPlan => ({ name, type: 'F16', shape });

/** The tensors that matter to the choice, of a model with a head of its own. */
function model(layerCount: number, columns = 512): TensorPlan[] {
  const layers = Array.from({ length: layerCount }, (_, layer) => [
    tensor(`blk.${layer}.attn_v.weight`, 128, columns),
    tensor(`blk.${layer}.ffn_up.weight`, 1024, columns),
    tensor(`blk.${layer}.ffn_down.weight`, columns, 1024),
  ]);
  return [
    tensor('token_embd.weight', 1000, columns),
    tensor('output.weight', 1000, columns),
    ...layers.flat(),
  ];
}

function typesOf(tensors: readonly TensorPlan[], target: string): (name: string) => string | undefined {
  const types = targetTypes(tensors, quantizeTargetNamed(target));
  return (name) => types.get(name);
}

/** Layers whose tensor of this name gets Q6_K in a Q4_K_M file. */
function richLayers(layerCount: number, suffix: string): number[] {
  const type = typesOf(model(layerCount), 'Q4_K_M');
  return [...Array(layerCount).keys()].filter((layer) => type(`blk.${layer}.${suffix}.weight`) === 'Q6_K');
}

describe('targetTypes', () => {
  // What `llama-quantize --dry-run` of llama.cpp b10587 prints for models of so many layers.
  it.each([
    [2, [1]],
    [5, [2, 4]],
    [16, [0, 1, 4, 7, 10, 13, 14, 15]],
    [22, [0, 1, 4, 7, 10, 13, 16, 19, 20, 21]],
    [24, [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23]],
    [32, [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]],
  ])('of Q4_K_M with %i layers gives Q6_K to layers %j', (layerCount, layers) => {
    expect(richLayers(layerCount, 'attn_v')).toEqual(layers);
    expect(richLayers(layerCount, 'ffn_down')).toEqual(layers);
    expect(richLayers(layerCount, 'ffn_up')).toEqual([]);
  });

  it.each([
    ['F16', 'F16', 'F16', 'F16'],
    ['Q8_0', 'Q8_0', 'Q8_0', 'Q8_0'],
    ['Q6_K', 'Q6_K', 'Q6_K', 'Q6_K'],
    ['Q4_K_M', 'Q4_K', 'Q6_K', 'Q4_K'],
    ['Q4_K', 'Q4_K', 'Q6_K', 'Q4_K'],
    ['Q4_0', 'Q4_0', 'Q6_K', 'Q4_0'],
  ])('of %s gives %s to the embedding, %s to the head, %s to matrices', (target, embedding, head, matrix) => {
    const type = typesOf(model(4), target);
    expect(type('token_embd.weight')).toBe(embedding);
    expect(type('output.weight')).toBe(head);
    expect(type('blk.0.ffn_up.weight')).toBe(matrix);
  });

  it('treats an embedding that is the head too as the head', () => {
    const tied = model(4).filter(({ name }) => name !== 'output.weight');
    expect(typesOf(tied, 'Q4_0')('token_embd.weight')).toBe('Q6_K');
    expect(typesOf(tied, 'Q8_0')('token_embd.weight')).toBe('Q8_0');
  });

  it.each([
    ['Q4_K_M', 896, 'Q5_0', 'Q8_0', 'Q8_0'],
    ['Q6_K', 896, 'Q8_0', 'Q8_0', 'Q8_0'],
    ['Q4_0', 896, 'Q4_0', 'Q8_0', 'Q4_0'],
    ['Q4_K_M', 172, 'F16', 'F16', 'F16'],
    ['Q4_0', 172, 'F16', 'F16', 'F16'],
  ])('of %s falls back for rows of %i', (target, columns, matrix, head, value) => {
    const type = typesOf(model(2, columns), target);
    expect(type('blk.1.ffn_up.weight')).toBe(matrix);
    expect(type('output.weight')).toBe(head);
    expect(type('blk.1.attn_v.weight')).toBe(value);
  });

  it('gives the shared values of a model with 80 layers more bits', () => {
    const type = typesOf(model(80), 'Q4_K');
    expect(type('blk.11.attn_v.weight')).toBe('Q5_K');
    expect(type('blk.11.ffn_down.weight')).toBe('Q4_K');
  });

  it('leaves norms, biases, single rows and routers as they are', () => {
    const kept: TensorPlan[] = [
      { name: 'output_norm.weight', type: 'F32', shape: [512] },
      { name: 'blk.0.attn_q.bias', type: 'F32', shape: [512] },
      { name: 'blk.0.attn_norm.weight', type: 'F32', shape: [2, 512] },
      { name: 'rope_freqs.weight', type: 'F32', shape: [1, 64] },
      { name: 'blk.0.ffn_gate_inp.weight', type: 'F32', shape: [8, 512] },
    ];
    const types = targetTypes([...model(1), ...kept], quantizeTargetNamed('Q4_0'));
    for (const { name } of kept) expect(types.get(name)).toBe('F32');
  });
});

describe('quantizeTargetNamed', () => {
  it('takes small letters', () => {
    expect(quantizeTargetNamed('q4_k_m').name).toBe('Q4_K_M');
  });

  it('lists the names for one that is not known', () => {
    expect(() => quantizeTargetNamed('Q3')).toThrow(HearthError);
    expect(() => quantizeTargetNamed('Q3')).toThrow(/F16, Q8_0, Q6_K, Q4_K_M, Q4_K, Q4_0/);
  });
});
