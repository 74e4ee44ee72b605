import type { RankOptions } from '../../decoder/rank-options.ts';
import { kvPageBytes } from '../../kernels/kv-page.ts';
import type { ModelConfig } from '../../model/config.ts';
import type { TileSection, TileSpec } from '../../tile/spec.ts';
import { ffnProducts } from '../ffn/ffn-products.ts';
import type { Gpu } from '../gpu.ts';
import { attentionProducts } from './attention-products.ts';
import type { GpuLayersShape } from './gpu-layers.ts';

/** All tiles of a layer. */
export interface LayerSpecs {
  readonly layer: number;
  readonly attention: readonly TileSpec[];
  readonly ffn: readonly TileSpec[];
  /** Type of the input matrix of its predictor, if it has one. */
  readonly predictorInput?: TileSection['format'] | undefined;
}

/** Tokens of a call: more gain nothing, for weights are read for each few. */
const mostTokens = 32;

/** What it takes to compute such layers whole. @returns undefined if a GPU does not */
export function layersShape(
  { bindingBytes }: Pick<Gpu, 'bindingBytes'>,
  config: ModelConfig,
  { kvFormat, contextLength, kvPages, maxSequences, maxStepTokens }: RankOptions,
  layers: readonly LayerSpecs[],
): GpuLayersShape | undefined {
  const { headDim, headCount, kvHeadCount } = config;
  if (kvFormat === 'q8') return undefined;
  const isKnown = layers.every(
    ({ attention, ffn, predictorInput }) =>
      attention.every((spec) => attentionProducts(spec)) &&
      ffn.every((spec) => ffnProducts(spec, predictorInput)) &&
      bytesOf(attention) <= bindingBytes,
  );
  const kvBytes = kvHeadCount * kvPages * kvPageBytes(headDim, kvFormat);
  const scoreBytes = headCount * contextLength * 4;
  const maxTokens = Math.min(mostTokens, maxStepTokens, Math.floor(bindingBytes / scoreBytes));
  if (!isKnown || kvBytes > bindingBytes || maxTokens < 1) return undefined;
  const maxFfnTiles = Math.max(...layers.map(({ ffn }) => ffn.length));
  return { config, kvFormat, maxTokens, contextLength, kvPages, maxSequences, maxFfnTiles };
}

/** Bytes that layers take of a GPU: weights and pages. */
export function layerBytes(config: ModelConfig, options: RankOptions, layers: readonly LayerSpecs[]): number {
  const { kvHeadCount, headDim } = config;
  const kvBytes = kvHeadCount * options.kvPages * kvPageBytes(headDim, options.kvFormat);
  return layers.reduce((sum, { attention, ffn }) => sum + bytesOf(attention) + bytesOf(ffn) + kvBytes, 0);
}

function bytesOf(specs: readonly TileSpec[]): number {
  return specs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
