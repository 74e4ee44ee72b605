import type { TensorRole } from '../model/architecture.ts';
import type { TileSection, TileSpec } from '../tile/spec.ts';
import type { RowProduct } from './wgsl/row-product.ts';
import { rowProducts } from './wgsl/row-products.ts';

/** What multiplies gate and up, and what down. */
export interface FfnProducts {
  readonly gated: RowProduct;
  readonly down: RowProduct;
}

/** @returns undefined if a GPU does not compute such a tile */
export function ffnProducts(spec: TileSpec): FfnProducts | undefined {
  const [gate, up, down] = [sectionOf(spec, 'gate'), sectionOf(spec, 'up'), sectionOf(spec, 'down')];
  if (gate.format !== up.format || up.byRow || gate.format === 'vector' || down.format === 'vector')
    return undefined;
  const [gated, back] = [rowProducts[gate.format], rowProducts[down.format]];
  return gated && back && { gated, down: back };
}

export function sectionOf(spec: TileSpec, role: TensorRole): TileSection {
  return spec.sections.find((section) => section.role === role)!;
}
