import type { ActivationFormat } from '../../kernels/activations.ts';
import type { TensorRole } from '../../model/architecture.ts';
import type { TileSection, TileSpec } from '../../tile/spec.ts';
import { type NeuronRow, neuronRows } from '../wgsl/neuron-row.ts';
import type { RowProduct } from '../wgsl/row-product.ts';
import { rowProducts } from '../wgsl/row-products.ts';

/** All neurons: what multiplies gate and up, and what down. */
export interface DenseProducts {
  readonly kind: 'dense';
  /** The form of the layer's input. */
  readonly input: ActivationFormat;
  readonly gate: RowProduct;
  readonly down: RowProduct;
}

/** Those neurons that their gates or a predictor choose: up and down are computed row by row. */
export interface ListedProducts {
  readonly kind: 'listed';
  readonly input: ActivationFormat;
  /** Of the matrix by which neurons are chosen: the gate, or the predictor's output matrix. */
  readonly choice: RowProduct;
  /** Of the predictor's input matrix; then gates are computed row by row too, by what computes rows of up. */
  readonly predictor: RowProduct | undefined;
  readonly up: NeuronRow;
  readonly down: NeuronRow;
}

/** How a tile is computed. */
export type FfnProducts = DenseProducts | ListedProducts;

/**
 * @param predictorInput type of the input matrix of the layer's predictor, if it has one
 * @returns undefined if a GPU does not compute such a tile
 */
export function ffnProducts(spec: TileSpec, predictorInput?: SectionFormat): FfnProducts | undefined {
  const [gate, up, down] = [sectionOf(spec, 'gate'), sectionOf(spec, 'up'), sectionOf(spec, 'down')];
  if (gate.format !== up.format) return undefined;
  if (up.byRow) return listedProducts(spec, predictorInput);
  const [product, back] = [productOf(gate.format), productOf(down.format)];
  return product && back && { kind: 'dense', input: product.activation, gate: product, down: back };
}

type SectionFormat = TileSection['format'];

function productOf(format: SectionFormat | undefined): RowProduct | undefined {
  return format === undefined || format === 'vector' ? undefined : rowProducts[format];
}

/** All of them multiply the input, so they want it in one form: that of rows. */
function listedProducts(
  spec: TileSpec,
  predictorInput: SectionFormat | undefined,
): ListedProducts | undefined {
  const input = 'q8';
  const [gate, scores] = [sectionOf(spec, 'gate'), sectionOf(spec, 'predictorOutput')];
  const [up, down] = [neuronRows[sectionOf(spec, 'up').format], neuronRows[sectionOf(spec, 'down').format]];
  const choice = productOf(gate.byRow ? scores.format : gate.format);
  const predictor = gate.byRow ? productOf(predictorInput) : undefined;
  const isKnown = choice?.activation === input && (!gate.byRow || predictor?.activation === input);
  return isKnown && up && down ? { kind: 'listed', input, choice, predictor, up, down } : undefined;
}

export function sectionOf(spec: TileSpec, role: TensorRole): TileSection {
  return spec.sections.find((section) => section.role === role)!;
}
