/** Bytes that are asked for, hashed and noted as one. */
export const defaultChunkBytes = 16 << 20;

/** A file's bytes [start, end). */
export interface Chunk {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** A file in chunks of `chunkBytes`, the last one of what is left. */
export function chunksOf(bytes: number, chunkBytes: number): Chunk[] {
  return Array.from({ length: Math.ceil(bytes / chunkBytes) }, (_, index) => {
    const start = index * chunkBytes;
    return { index, start, end: Math.min(start + chunkBytes, bytes) };
  });
}

/** Bytes of some of a file's chunks. */
export function chunkSum(chunks: Iterable<Chunk>): number {
  let sum = 0;
  for (const { start, end } of chunks) sum += end - start;
  return sum;
}
