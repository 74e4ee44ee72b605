import { streamScale } from './packed-weights.ts';
import { type RowProduct, signature } from './row-product.ts';
import { each, float32, list } from './text.ts';

const name = 'productQ8_0';

/** `matmulQ8_0`: 8 rows × 32 columns in 68 words, in which columns 1 and 2 of each four have changed places. */
export const productQ8_0: RowProduct = {
  activation: 'q8',
  blockColumns: 32,
  name,
  text: (tokens) => /* wgsl */ `
fn inOrder(q: u32) -> u32 {
  return (q & 0xff0000ffu) | ((q & 0xff00u) << 8u) | ((q >> 8u) & 0xff00u);
}

${signature(name, tokens)} {
  var q = w + (row >> 3u) * blocks * 68u + ((row & 4u) << 3u) + (row & 3u);
  var scales = w + (row >> 3u) * blocks * 68u + 64u + ((row & 7u) >> 1u);
  var at = x;
  ${each(tokens, (t) => `var sum${t} = 0u;`)}
  for (var b = 0u; b < blocks; b++) {
    ${each(tokens, (t) => `var dot${t} = 0;`)}
    for (var v = 0u; v < 8u; v++) {
      let four = inOrder(weights[q + 4u * v]);
      ${each(tokens, (t) => `dot${t} += dot4(four, input[at + ${t}u * stride + v]);`)}
    }
    let scale = weightScale(weights[scales] >> ((row & 1u) << 4u));
    ${each(tokens, (t) => token(t))}
    q += 68u;
    scales += 68u;
    at += 16u;
  }
  return array<u32, ${tokens}>(${list(tokens, (t) => `multiplyF32(sum${t}, ${float32(streamScale / 256)})`)});
}
`,
};

/** The kernel's sums are 256 times the dot product. */
const token = (t: number): string =>
  `sum${t} = addF32(sum${t}, multiplyF32(intToF32(dot${t} << 8u), multiplyF32(scale, input[at + ${t}u * stride + 8u])));`;
