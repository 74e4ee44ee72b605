import type { RankOptions } from '../runtime/decoder/rank-options.ts';
import { kvPageTokens } from '../runtime/generation/step-runner.ts';
import { type KvFormat, kvPageBytes } from '../runtime/kernels/kv-page.ts';
import type { ModelConfig } from '../runtime/model/config.ts';

/** Tokens of the longest step: enough to read a prompt at speed, few enough not to hold up answers. */
const longestStepTokens = 128;
/** Contexts are bounded by memory long before a model's own length; a user may ask for more. */
const defaultContextLength = 8192;
/** KV pages for so many sequences at full length; parallel requests are rarely all long. */
const fullLengthSequences = 2;

export interface RankOptionsInput {
  readonly model: { readonly config: ModelConfig };
  readonly kvFormat: KvFormat;
  /** Requests that are answered at the same time. */
  readonly parallel: number;
  /** By default what the model was made for, within bounds. */
  readonly contextLength?: number | undefined;
}

/** What each rank of a model allocates. */
export function rankOptions({ model, kvFormat, parallel, contextLength }: RankOptionsInput): RankOptions {
  const length = contextLength ?? Math.min(model.config.contextLength, defaultContextLength);
  const pagesEach = Math.ceil(length / kvPageTokens);
  return {
    kvFormat,
    maxStepTokens: Math.min(longestStepTokens, length * parallel),
    maxSequences: parallel,
    contextLength: length,
    kvPages: pagesEach * Math.min(parallel, fullLengthSequences),
  };
}

/** Bytes of the KV caches of all ranks together. */
export function kvCacheBytes(
  { layerCount, kvHeadCount, headDim }: ModelConfig,
  { kvPages, kvFormat }: RankOptions,
): number {
  return layerCount * kvHeadCount * kvPages * kvPageBytes(headDim, kvFormat);
}
