import { HearthError } from '../error.ts';
import type { Metadata } from '../gguf/metadata.ts';
import {
  type FfnActivation,
  ffnActivations,
  type ModelConfig,
  type RopeConfig,
  type RopeScaling,
} from './config.ts';

/** No model that fits a home is larger in any direction; a larger number is a broken or hostile file. */
const sizeLimit = 1 << 24;

/**
 * Reads the hyperparameters that all decoders of the Llama family store alike under `ARCHITECTURE.*`.
 * @param activation of a file that does not state it
 * @throws HearthError MODEL_BAD_METADATA for a missing, mistyped or impossible value, MODEL_UNSUPPORTED for a
 *   feature that is not computed here
 */
export function readConfig(metadata: Metadata, architecture: string, activation: FfnActivation): ModelConfig {
  const size = (key: string) => metadata.integer(`${architecture}.${key}`, { min: 1, max: sizeLimit });
  const hiddenSize = size('embedding_length');
  const headCount = size('attention.head_count');
  const kvHeadCount =
    metadata.optionalInteger(`${architecture}.attention.head_count_kv`, { min: 1, max: sizeLimit }) ??
    headCount;
  const headDim =
    metadata.optionalInteger(`${architecture}.attention.key_length`, { min: 1, max: sizeLimit }) ??
    hiddenSize / headCount;
  const valueDim =
    metadata.optionalInteger(`${architecture}.attention.value_length`, { min: 1, max: sizeLimit }) ?? headDim;
  const contextLength = size('context_length');
  const config: ModelConfig = {
    architecture,
    hiddenSize,
    layerCount: size('block_count'),
    headCount,
    kvHeadCount,
    headDim,
    intermediateSize: size('feed_forward_length'),
    activation: readActivation(metadata, architecture) ?? activation,
    vocabSize: readVocabSize(metadata, architecture),
    contextLength,
    normEpsilon: metadata.number(`${architecture}.attention.layer_norm_rms_epsilon`),
    rope: readRope(metadata, architecture, headDim, contextLength),
  };
  checkConfig(config, valueDim);
  checkUnsupported(metadata, architecture);
  return config;
}

/** `hidden_activation`, llama.cpp's key for it; its values are those of transformers' `hidden_act`. */
function readActivation(metadata: Metadata, architecture: string): FfnActivation | undefined {
  const stated = metadata.optionalString(`${architecture}.hidden_activation`);
  if (stated === undefined) return undefined;
  const known = ffnActivations.find((name) => name === stated);
  if (known) return known;
  throw new HearthError(
    'MODEL_UNSUPPORTED',
    `this model's activation "${stated}" is not supported; supported: ${ffnActivations.join(', ')}`,
    { activation: stated },
  );
}

function readVocabSize(metadata: Metadata, architecture: string): number {
  const stated = metadata.optionalInteger(`${architecture}.vocab_size`, { min: 1, max: sizeLimit });
  return stated ?? metadata.strings('tokenizer.ggml.tokens').length;
}

function readRope(
  metadata: Metadata,
  architecture: string,
  headDim: number,
  contextLength: number,
): RopeConfig {
  const dimensions =
    metadata.optionalInteger(`${architecture}.rope.dimension_count`, { min: 2, max: headDim }) ?? headDim;
  return {
    dimensions,
    base: metadata.optionalNumber(`${architecture}.rope.freq_base`) ?? 10000,
    scaling: readScaling(metadata, architecture, contextLength),
  };
}

function readScaling(metadata: Metadata, architecture: string, contextLength: number): RopeScaling {
  const prefix = `${architecture}.rope.scaling`;
  // Files older than `rope.scaling.type` state a linear factor under `rope.scale_linear`.
  const oldLinear = metadata.optionalNumber(`${architecture}.rope.scale_linear`);
  const factor = metadata.optionalNumber(`${prefix}.factor`) ?? oldLinear ?? 1;
  // A factor without a type is a linear one, as llama.cpp has it.
  const kind = metadata.optionalString(`${prefix}.type`) ?? 'linear';
  if (!(factor > 0)) throw badMetadata(`${prefix}.factor`, factor, 'a positive number');
  if (kind === 'none' || factor === 1) return { kind: 'none' };
  if (kind === 'linear') return { kind: 'linear', factor };
  if (kind === 'yarn') {
    return {
      kind: 'yarn',
      factor,
      originalContextLength:
        metadata.optionalInteger(`${prefix}.original_context_length`, { min: 1, max: sizeLimit }) ??
        contextLength,
      attentionFactor: metadata.optionalNumber(`${prefix}.attn_factor`) ?? 1,
      betaFast: metadata.optionalNumber(`${prefix}.yarn_beta_fast`) ?? 32,
      betaSlow: metadata.optionalNumber(`${prefix}.yarn_beta_slow`) ?? 1,
    };
  }
  throw new HearthError(
    'MODEL_UNSUPPORTED',
    `this model scales its positions by "${kind}", which is not supported; supported: none, linear, yarn`,
    { scaling: kind },
  );
}

function checkConfig(config: ModelConfig, valueDim: number): void {
  const { headCount, kvHeadCount, headDim, hiddenSize, rope, normEpsilon } = config;
  if (headCount % kvHeadCount !== 0)
    throw badMetadata('attention.head_count_kv', kvHeadCount, `a divisor of head_count ${headCount}`);
  if (!Number.isInteger(headDim))
    throw badMetadata('attention.head_count', headCount, `a divisor of ${hiddenSize}`);
  if (headDim % 4 !== 0 || valueDim !== headDim || hiddenSize % 8 !== 0) {
    throw new HearthError(
      'MODEL_UNSUPPORTED',
      `heads of ${headDim} (key) and ${valueDim} (value) elements in a hidden size of ${hiddenSize} are not ` +
        'supported: head sizes must be equal and multiples of 4, the hidden size a multiple of 8',
      { headDim, valueDim, hiddenSize },
    );
  }
  if (rope.dimensions % 2 !== 0) throw badMetadata('rope.dimension_count', rope.dimensions, 'an even number');
  if (!(rope.base > 0 && Number.isFinite(rope.base)))
    throw badMetadata('rope.freq_base', rope.base, 'positive');
  if (!(normEpsilon >= 0 && normEpsilon < 1))
    throw badMetadata('layer_norm_rms_epsilon', normEpsilon, 'in [0, 1)');
}

/** Features whose weights would be silently ignored: better no answer than a wrong one. */
function checkUnsupported(metadata: Metadata, architecture: string): void {
  const experts = metadata.optionalInteger(`${architecture}.expert_count`, { min: 0, max: sizeLimit }) ?? 0;
  if (experts > 0) {
    throw new HearthError('MODEL_UNSUPPORTED', `models with experts are not supported (${experts} experts)`, {
      experts,
    });
  }
}

function badMetadata(key: string, value: number, expected: string): HearthError {
  return new HearthError('MODEL_BAD_METADATA', `${key} is ${value}, expected ${expected}`, { key, value });
}
