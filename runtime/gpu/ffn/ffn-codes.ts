import type { FfnActivation } from '../../model/config.ts';
import type { TileSection, TileSpec } from '../../tile/spec.ts';
import type { Gpu } from '../gpu.ts';
import { groupings } from '../token-groups.ts';
import { addDown } from '../wgsl/add-down.ts';
import { addRows } from '../wgsl/add-rows.ts';
import { gatedNeurons } from '../wgsl/gated-neurons.ts';
import { listGated, listPredicted } from '../wgsl/list-chosen.ts';
import { listedValues } from '../wgsl/listed-values.ts';
import { project } from '../wgsl/project.ts';
import { quantize } from '../wgsl/quantize.ts';
import type { RowProduct } from '../wgsl/row-product.ts';
import { type DenseProducts, ffnProducts, type ListedProducts } from './ffn-products.ts';

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

/** Of the programs that compute chosen neurons. @param together tokens of which an invocation computes a gate, or a score */
export function listedCodes(
  { packedDots }: Gpu,
  { choice, predictor, up, down }: ListedProducts,
  activation: FfnActivation,
  together: number,
): readonly [choosing: string, values: string, adding: string] {
  return [
    predictor
      ? listPredicted(choice, together, packedDots)
      : listGated(choice, activation, together, packedDots),
    listedValues(up, down, activation, packedDots, predictor !== undefined),
    addRows(down),
  ];
}

/** Of the programs from a layer's input to what scores are computed of. @param together tokens of an invocation */
export function predictorCodes(
  { packedDots }: Gpu,
  input: RowProduct,
  together: number,
): readonly [projecting: string, quantizing: string] {
  return [project(input, together, packedDots), quantize('q8', true)];
}

/** All that such tiles are computed with, in steps of up to so many tokens. */
export function allFfnCodes(
  gpu: Gpu,
  spec: TileSpec,
  activation: FfnActivation,
  maxTokens: number,
  predictorInput?: TileSection['format'],
): string[] {
  const products = ffnProducts(spec, predictorInput)!;
  return groupings(maxTokens).flatMap((together) => {
    if (products.kind === 'dense')
      return denseCodes(gpu, products, activation, together).filter((code) => code !== undefined);
    const { predictor } = products;
    const predicting = predictor ? predictorCodes(gpu, predictor, together) : [];
    return [...predicting, ...listedCodes(gpu, products, activation, together)];
  });
}
