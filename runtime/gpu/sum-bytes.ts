/** Of sums in fixed point: a word of flags, then fine and coarse values. */
export function sumBytes(tokens: number, hiddenSize: number): number {
  return 4 + 2 * tokens * hiddenSize * 4;
}
