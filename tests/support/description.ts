import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { ModelConfig } from '../../runtime/model/config.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';

/** A model's description without a model, for what only needs its shape. */
export function description(
  config: Partial<ModelConfig> = {},
  format: KernelFormatName = 'Q8_0',
): ModelDescription {
  const full: ModelConfig = {
    architecture: 'llama',
    hiddenSize: 256,
    layerCount: 2,
    headCount: 8,
    kvHeadCount: 4,
    headDim: 32,
    intermediateSize: 768,
    activation: 'silu',
    vocabSize: 2048,
    contextLength: 256,
    normEpsilon: 1e-5,
    rope: { dimensions: 32, base: 10000, scaling: { kind: 'none' } },
    ...config,
  };
  const formats = {
    query: format,
    key: format,
    value: format,
    attentionOutput: format,
    gate: format,
    up: format,
    down: format,
  };
  return {
    config: full,
    layers: Array.from({ length: full.layerCount }, () => formats),
    outputFormat: format,
    attentionBias: false,
    ropeFactors: false,
    neuronRows: false,
  };
}
