import type { KernelFormatName } from '../../kernels/formats.ts';
import { productF16 } from './product-f16.ts';
import { productQ4_0 } from './product-q4-0.ts';
import { productQ4_K } from './product-q4-k.ts';
import { productQ6_K } from './product-q6-k.ts';
import { productQ8_0 } from './product-q8-0.ts';
import type { RowProduct } from './row-product.ts';

/** Weight formats that a GPU computes; a tile that has another stays with the processor. */
export const rowProducts: Readonly<Partial<Record<KernelFormatName, RowProduct>>> = {
  Q4_0: productQ4_0,
  Q8_0: productQ8_0,
  Q4_K: productQ4_K,
  Q6_K: productQ6_K,
  F16: productF16,
};
