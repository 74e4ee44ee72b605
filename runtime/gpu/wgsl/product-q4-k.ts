import { type RowProduct, signature } from './row-product.ts';
import { each, list } from './text.ts';

const name = 'productQ4_K';

/**
 * `matmulQ4_K`: 8 rows × 256 columns in 296 words: 8 sub-blocks of 32 words of nibbles, then bytes of scales (2 words
 * a sub-block), bytes of minimums (4 words a pair of sub-blocks), 4 words each of d and dmin.
 */
export const productQ4_K: RowProduct = {
  activation: 'q8k',
  blockColumns: 256,
  name,
  text: (tokens) => /* wgsl */ `
${signature(name, tokens)} {
  let lane = row & 7u;
  let nibbleWord = ((row & 4u) << 2u) + (row & 3u);
  var block = w + (row >> 3u) * blocks * 296u;
  var at = x;
  ${each(tokens, (t) => `var sum${t} = 0u;`)}
  for (var b = 0u; b < blocks; b++) {
    ${each(tokens, (t) => `var dots${t} = 0; var minimums${t} = 0;`)}
    for (var s = 0u; s < 8u; s++) {
      let q = block + 32u * s + nibbleWord;
      let q0 = weights[q];
      let q1 = weights[q + 4u];
      let q2 = weights[q + 8u];
      let q3 = weights[q + 12u];
      let scale = unsignedByte(weights[block + 256u + 2u * s + (lane >> 2u)], lane & 3u);
      let pair = weights[block + 272u + 4u * (s >> 1u) + (lane >> 1u)];
      let minimum = unsignedByte(pair, ((lane & 1u) << 1u) + (s & 1u));
      ${each(tokens, (t) => subBlock(t))}
    }
    let shift = (lane & 1u) << 4u;
    let d = weightScale(weights[block + 288u + (lane >> 1u)] >> shift);
    let dmin = weightScale(weights[block + 292u + (lane >> 1u)] >> shift);
    ${each(tokens, (t) => token(t))}
    block += 296u;
    at += 88u;
  }
  return array<u32, ${tokens}>(${list(tokens, (t) => `multiplyF32(sum${t}, streamScale)`)});
}
`,
};

/** A token's block: 64 words of quants, 4 of sums of 32 columns in int16, 4 times its scale, 16 of other sums. */
const subBlock = (t: number): string => `{
        let own = at + ${t}u * stride;
        let columns = input[own + 64u + (s >> 1u)];
        dots${t} += scale * nibbleDots(q0, q1, q2, q3, own + 8u * s);
        minimums${t} += minimum * select(lowInt16(columns), highInt16(columns), (s & 1u) == 1u);
      }`;

const token = (t: number): string => `{
      let less = multiplyF32(intToF32(minimums${t}), dmin);
      let rest = addF32(multiplyF32(intToF32(dots${t}), d), less ^ signBit);
      sum${t} = addF32(sum${t}, multiplyF32(rest, input[at + ${t}u * stride + 68u]));
    }`;
