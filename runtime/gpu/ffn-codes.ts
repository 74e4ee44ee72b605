import type { FfnActivation } from '../model/config.ts';
import type { TileSpec } from '../tile/spec.ts';
import { type DenseProducts, ffnProducts, type ListedProducts } from './ffn-products.ts';
import type { Gpu } from './gpu.ts';
import { groupings } from './token-groups.ts';
import { addDown } from './wgsl/add-down.ts';
import { addRows } from './wgsl/add-rows.ts';
import { gatedNeurons } from './wgsl/gated-neurons.ts';
import { listChosen } from './wgsl/list-chosen.ts';
import { listedValues } from './wgsl/listed-values.ts';
import { quantize } from './wgsl/quantize.ts';

/** Of the programs that compute all neurons; without the last where down takes neurons as they are. */
export type DenseCodes = readonly [neurons: string, adding: string, quantizing?: string];

/** @param together tokens that an invocation takes */
export function denseCodes(
  { packedDots }: Gpu,
  { gate, down }: DenseProducts,
  activation: FfnActivation,
  together: number,
): DenseCodes {
  const neurons = gatedNeurons(gate, activation, together, packedDots);
  const adding = addDown(down, together, packedDots);
  return down.activation === 'f32' ? [neurons, adding] : [neurons, adding, quantize(down.activation)];
}

/** Of the programs that compute chosen neurons. @param together tokens of which an invocation computes a gate */
export function listedCodes(
  { packedDots }: Gpu,
  { gate, up, down }: ListedProducts,
  activation: FfnActivation,
  together: number,
): readonly [choosing: string, values: string, adding: string] {
  return [
    listChosen(gate, activation, together, packedDots),
    listedValues(up, down, activation, packedDots),
    addRows(down),
  ];
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
    products.kind === 'dense'
      ? denseCodes(gpu, products, activation, together).filter((code) => code !== undefined)
      : listedCodes(gpu, products, activation, together),
  );
}
