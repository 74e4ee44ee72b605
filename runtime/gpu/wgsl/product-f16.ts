import { type RowProduct, signature } from './row-product.ts';
import { each, list } from './text.ts';

const name = 'productF16';

/** `matmulF16`: of each column 8 rows of packed halves in 4 words; even columns are summed apart from odd ones. */
export const productF16: RowProduct = {
  activation: 'f32',
  blockColumns: 1,
  name,
  text: (tokens) => /* wgsl */ `
// What a packed half stands for: 2^102 times its scale.
fn weightOf(half: u32) -> u32 {
  let scale = weightScale(half);
  return select(scale, scale + (102u << 23u), (half & 0x7fffu) != 0u);
}

${signature(name, tokens)} {
  let columns = w + (row >> 3u) * blocks * 4u + ((row & 7u) >> 1u);
  let shift = (row & 1u) << 4u;
  ${each(tokens, (t) => `var even${t} = 0u; var odd${t} = 0u;`)}
  for (var c = 0u; c < blocks; c += 2u) {
    let even = weightOf(weights[columns + 4u * c] >> shift);
    ${each(tokens, (t) => `even${t} = addF32(even${t}, multiplyF32(even, input[x + ${t}u * stride + c]));`)}
    if (c + 1u < blocks) {
      let odd = weightOf(weights[columns + 4u * c + 4u] >> shift);
      ${each(tokens, (t) => `odd${t} = addF32(odd${t}, multiplyF32(odd, input[x + ${t}u * stride + c + 1u]));`)}
    }
  }
  return array<u32, ${tokens}>(${list(tokens, (t) => `addF32(even${t}, odd${t})`)});
}
`,
};
