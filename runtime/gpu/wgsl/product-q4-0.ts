import { type RowProduct, signature } from './row-product.ts';
import { each, list } from './text.ts';

const name = 'productQ4_0';

/** `matmulQ4_0`: 8 rows × 32 columns in 36 words. */
export const productQ4_0: RowProduct = {
  activation: 'q8',
  blockColumns: 32,
  name,
  text: (tokens) => /* wgsl */ `
${signature(name, tokens)} {
  let half = (row & 4u) << 2u;
  var q = w + (row >> 3u) * blocks * 36u + half + (row & 3u);
  var scales = w + (row >> 3u) * blocks * 36u + 32u + ((row & 7u) >> 1u);
  var at = x;
  ${each(tokens, (t) => `var sum${t} = 0u;`)}
  for (var b = 0u; b < blocks; b++) {
    let q0 = weights[q];
    let q1 = weights[q + 4u];
    let q2 = weights[q + 8u];
    let q3 = weights[q + 12u];
    let scale = weightScale(weights[scales] >> ((row & 1u) << 4u));
    ${each(tokens, (t) => token(t))}
    q += 36u;
    scales += 36u;
    at += 16u;
  }
  return array<u32, ${tokens}>(${list(tokens, (t) => `multiplyF32(sum${t}, streamScale)`)});
}
`,
};

/** Words of a token's block: 8 of quants, 4 times its scale, 4 times 8 · Σ of the quants. */
const token = (t: number): string => `{
      let block = at + ${t}u * stride;
      let dot = nibbleDots(q0, q1, q2, q3, block) - i32(input[block + 12u]);
      sum${t} = addF32(sum${t}, multiplyF32(intToF32(dot), multiplyF32(scale, input[block + 8u])));
    }`;
