import type { FfnActivation } from '../model/config.ts';
import type { TileSpec } from '../tile/spec.ts';
import { type FfnProducts, ffnProducts } from './ffn-products.ts';
import type { Gpu } from './gpu.ts';
import { groupings } from './token-groups.ts';
import { addDown } from './wgsl/add-down.ts';
import { gatedNeurons } from './wgsl/gated-neurons.ts';
import { quantize } from './wgsl/quantize.ts';

/** Of the programs that compute a layer; without the last where down takes neurons as they are. */
export type FfnCodes = readonly [neurons: string, adding: string, quantizing?: string];

/** @param together tokens that an invocation takes */
export function ffnCodes(
  { packedDots }: Gpu,
  { gated, down }: FfnProducts,
  activation: FfnActivation,
  together: number,
): FfnCodes {
  const neurons = gatedNeurons(gated, activation, together, packedDots);
  const adding = addDown(down, together, packedDots);
  return down.activation === 'f32' ? [neurons, adding] : [neurons, adding, quantize(down.activation)];
}

/** All that such tiles are computed with, in steps of up to so many tokens. */
export function allFfnCodes(
  gpu: Gpu,
  spec: TileSpec,
  activation: FfnActivation,
  maxTokens: number,
): string[] {
  const products = ffnProducts(spec)!;
  return groupings(maxTokens).flatMap((together) =>
    ffnCodes(gpu, products, activation, together).filter((code) => code !== undefined),
  );
}
