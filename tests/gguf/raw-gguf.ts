/** Pieces of a GGUF header, unchecked, to put together files that no writer would write. */

export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

export const u64 = (value: number | bigint): Uint8Array =>
  new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

/** A length and the bytes. */
export function string(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return join(u64(bytes.length), bytes);
}

export function join(...pieces: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Magic, version 3, the counts, then whatever follows. */
export function header(
  tensorCount: number | bigint,
  entryCount: number | bigint,
  ...rest: Uint8Array[]
): Uint8Array {
  return join(new TextEncoder().encode('GGUF'), u32(3), u64(tensorCount), u64(entryCount), ...rest);
}

/** GGUF's value type ids. */
export const typeIds = {
  uint32: 4,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  float64: 12,
} as const;

export interface RawTensor {
  readonly name?: string | Uint8Array;
  /** Innermost first, as stored. */
  readonly sizes?: readonly (number | bigint)[];
  readonly dimensions?: number;
  readonly type?: number;
  readonly offset?: number | bigint;
}

/** A tensor info; by default a vector of 8 F32 at the start of the data. */
export function tensorInfo({
  name = 'weight',
  sizes = [8],
  dimensions,
  type = 0,
  offset = 0,
}: RawTensor): Uint8Array {
  return join(string(name), u32(dimensions ?? sizes.length), ...sizes.map(u64), u32(type), u64(offset));
}

/** A file with these tensors, no metadata and `dataBytes` bytes of zeros for the tensors. */
export function fileWith(tensors: readonly RawTensor[], dataBytes = 64): Uint8Array {
  const head = header(tensors.length, 0, ...tensors.map(tensorInfo));
  return join(head, new Uint8Array((32 - (head.length % 32)) % 32), new Uint8Array(dataBytes));
}
