import type { ActivationFormat } from '../kernels/activations.ts';
import type { TensorRole } from '../model/architecture.ts';
import type { TileSection, TileSpec } from '../tile/spec.ts';
import { type NeuronRow, neuronRows } from './wgsl/neuron-row.ts';
import type { RowProduct } from './wgsl/row-product.ts';
import { rowProducts } from './wgsl/row-products.ts';

/** All neurons: what multiplies gate and up, and what down. */
export interface DenseProducts {
  readonly kind: 'dense';
  readonly gate: RowProduct;
  readonly down: RowProduct;
}

/** Those neurons that their gates choose: up and down are computed row by row. */
export interface ListedProducts {
  readonly kind: 'listed';
  readonly gate: RowProduct;
  readonly up: NeuronRow;
  readonly down: NeuronRow;
}

/** How a tile is computed. */
export type FfnProducts = DenseProducts | ListedProducts;

/** @returns undefined if a GPU does not compute such a tile */
export function ffnProducts(spec: TileSpec): FfnProducts | undefined {
  const [gate, up, down] = [sectionOf(spec, 'gate'), sectionOf(spec, 'up'), sectionOf(spec, 'down')];
  const product = productOf(gate);
  if (!product || gate.byRow) return undefined;
  if (up.byRow) return listedProducts(product, up, down);
  const back = productOf(down);
  return up.format === gate.format && back ? { kind: 'dense', gate: product, down: back } : undefined;
}

function productOf({ format }: TileSection): RowProduct | undefined {
  return format === 'vector' ? undefined : rowProducts[format];
}

/** What multiplies rows of up. */
const rowActivation: ActivationFormat = 'q8';

function listedProducts(gate: RowProduct, up: TileSection, down: TileSection): ListedProducts | undefined {
  const [rows, back] = [neuronRows[up.format], neuronRows[down.format]];
  return gate.activation === rowActivation && rows && back
    ? { kind: 'listed', gate, up: rows, down: back }
    : undefined;
}

export function sectionOf(spec: TileSpec, role: TensorRole): TileSection {
  return spec.sections.find((section) => section.role === role)!;
}
