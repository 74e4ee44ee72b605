/**
 * Where each row of a head comes from when interleaved RoPE pairs (2i, 2i+1) become half-split ones
 * (i, i + dimensions/2). Q and K are permuted alike, so their dot products keep their terms.
 * @returns for each new row of the head the old one; rows from `dimensions` on stay
 */
export function halfSplitOrder(headDim: number, dimensions: number): number[] {
  const half = dimensions / 2;
  return Array.from({ length: headDim }, (_, row) => {
    if (row >= dimensions) return row;
    return row < half ? 2 * row : 2 * (row - half) + 1;
  });
}
