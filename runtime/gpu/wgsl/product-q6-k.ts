import { type RowProduct, signature } from './row-product.ts';
import { each, list } from './text.ts';

const name = 'productQ6_K';

/**
 * `matmulQ6_K`: 8 rows × 256 columns in 420 words: 16 units of 24 words (16 columns: per 4 rows two words of nibbles a
 * row, then one of top bits), then bytes of scales (2 words a unit), 4 words of d.
 */
export const productQ6_K: RowProduct = {
  activation: 'q8k',
  blockColumns: 256,
  name,
  text: (tokens) => /* wgsl */ `
${signature(name, tokens)} {
  let lane = row & 7u;
  let nibbleWord = ((row & 4u) << 1u) + (row & 3u);
  let topWord = 16u + lane;
  var block = w + (row >> 3u) * blocks * 420u;
  var at = x;
  ${each(tokens, (t) => `var sum${t} = 0u;`)}
  for (var b = 0u; b < blocks; b++) {
    ${each(tokens, (t) => `var dots${t} = 0;`)}
    for (var unit = 0u; unit < 16u; unit++) {
      let first = weights[block + 24u * unit + nibbleWord];
      let second = weights[block + 24u * unit + nibbleWord + 4u];
      let top = weights[block + 24u * unit + topWord];
      let q0 = (first & nibbles) | ((top << 4u) & topBits);
      let q1 = (second & nibbles) | ((top << 2u) & topBits);
      let q2 = ((first >> 4u) & nibbles) | (top & topBits);
      let q3 = ((second >> 4u) & nibbles) | ((top >> 2u) & topBits);
      let scale = signedByte(weights[block + 384u + 2u * unit + (lane >> 2u)], lane & 3u);
      ${each(tokens, (t) => unit(t))}
    }
    let d = weightScale(weights[block + 416u + (lane >> 1u)] >> ((lane & 1u) << 4u));
    ${each(tokens, (t) => token(t))}
    block += 420u;
    at += 88u;
  }
  return array<u32, ${tokens}>(${list(tokens, (t) => `multiplyF32(sum${t}, streamScale)`)});
}

const topBits = 0x30303030u;
`,
};

/** A token's block has 16 words from word 72 on: for each 16 columns −32 · Σ of the quants, in two parts of int16. */
const unit = (t: number): string => `{
        let own = at + ${t}u * stride;
        let offsets = input[own + 72u + unit];
        let x4 = own + 4u * unit;
        let dot = dot4(q0, input[x4]) + dot4(q1, input[x4 + 1u]) + dot4(q2, input[x4 + 2u])
          + dot4(q3, input[x4 + 3u]);
        dots${t} += scale * (dot + lowInt16(offsets) + highInt16(offsets));
      }`;

const token = (t: number): string =>
  `sum${t} = addF32(sum${t}, multiplyF32(intToF32(dots${t}), multiplyF32(d, input[at + ${t}u * stride + 68u])));`;
