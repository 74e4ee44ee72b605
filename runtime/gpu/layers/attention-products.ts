import type { TileSpec } from '../../tile/spec.ts';
import { sectionOf } from '../ffn/ffn-products.ts';
import type { RowProduct } from '../wgsl/row-product.ts';
import { rowProducts } from '../wgsl/row-products.ts';

/** What multiplies the normed residual, all in one form of it, and what the heads. */
export interface AttentionProducts {
  readonly query: RowProduct;
  readonly key: RowProduct;
  readonly value: RowProduct;
  readonly output: RowProduct;
}

/** @returns undefined if a GPU does not compute such a tile */
export function attentionProducts(spec: TileSpec): AttentionProducts | undefined {
  const productOf = (role: keyof typeof roles) => {
    const { format } = sectionOf(spec, roles[role]);
    return format === 'vector' ? undefined : rowProducts[format];
  };
  const [query, key, value] = [productOf('query'), productOf('key'), productOf('value')];
  const output = productOf('output');
  if (!query || !key || !value || !output) return undefined;
  const isOneForm = key.activation === query.activation && value.activation === query.activation;
  return isOneForm ? { query, key, value, output } : undefined;
}

const roles = { query: 'query', key: 'key', value: 'value', output: 'attentionOutput' } as const;
