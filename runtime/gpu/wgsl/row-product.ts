import type { ActivationFormat } from '../../kernels/activations.ts';

/** One row of a packed matrix times some tokens, in WGSL. */
export interface RowProduct {
  /** The form of the tokens' activations. */
  readonly activation: ActivationFormat;
  /** Columns of a block. */
  readonly blockColumns: number;
  /** Name of the function. */
  readonly name: string;
  /**
   * `fn name(w, row, blocks, x, stride) -> array<u32, tokens>`. It reads `weights`, words of a packed matrix from `w`
   * on, and `input`, the first token's activations from word `x` on and the others' `stride` words apart; and yields
   * float32 bits: of each token those of the AssemblyScript kernel, whatever the others are.
   */
  readonly text: (tokens: number) => string;
}

/** How a row product's function begins. */
export const signature = (name: string, tokens: number): string =>
  `fn ${name}(w: u32, row: u32, blocks: u32, x: u32, stride: u32) -> array<u32, ${tokens}>`;
