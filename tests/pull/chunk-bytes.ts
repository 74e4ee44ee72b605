/** Small ones, so that a small file has many. */
export const chunkBytes = 10_000;
