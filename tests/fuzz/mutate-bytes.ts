import type { Random } from '../support/random.ts';
import type { Mutate } from './target.ts';

/** Longer inputs are cut: they take time, and show nothing that shorter ones do not. */
export const maxInputBytes = 1 << 17;

/** Where lengths, counts and offsets go wrong. */
const extremes: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

type Edit = (bytes: Uint8Array, random: Random, another: Uint8Array) => Uint8Array;

const place = (bytes: Uint8Array, random: Random): number => random.integer(bytes.length + 1);

/** [start, end) of up to so many bytes. */
function range(bytes: Uint8Array, random: Random, most = 32): [number, number] {
  const start = place(bytes, random);
  return [start, Math.min(bytes.length, start + 1 + random.integer(most))];
}

export function join(...pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Writes a number over 1, 2, 4 or 8 bytes, in either order. */
function writeNumber(bytes: Uint8Array, random: Random, value: bigint): Uint8Array {
  const width = 1 << random.integer(4);
  if (bytes.length < width) return bytes;
  const changed = bytes.slice();
  // Fields mostly lie at multiples of four.
  const step = random.integer(2) ? 4 : 1;
  const at = step * random.integer(Math.floor((bytes.length - width) / step) + 1);
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  const written = number.subarray(0, width);
  changed.set(random.integer(4) ? written : written.reverse(), at);
  return changed;
}

const edits: readonly Edit[] = [
  (bytes, random) => {
    if (bytes.length === 0) return bytes;
    const changed = bytes.slice();
    changed[random.integer(bytes.length)]! ^= 1 << random.integer(8);
    return changed;
  },
  (bytes, random) => writeNumber(bytes, random, extremes[random.integer(extremes.length)]!),
  (bytes, random) => writeNumber(bytes, random, BigInt(random.integer(64))),
  (bytes, random) => writeNumber(bytes, random, BigInt(bytes.length + random.integer(17) - 8)),
  (bytes, random) => {
    const [start, end] = range(bytes, random, 256);
    return join(bytes.subarray(0, start), bytes.subarray(end));
  },
  (bytes, random) => bytes.slice(0, place(bytes, random)),
  (bytes, random) => {
    const [start, end] = range(bytes, random, 256);
    return join(bytes.subarray(0, end), bytes.subarray(start));
  },
  (bytes, random) => {
    const noise = Uint8Array.from({ length: 1 + random.integer(8) }, () => random.integer(256));
    const at = place(bytes, random);
    return join(bytes.subarray(0, at), noise, bytes.subarray(at));
  },
  (bytes, random, another) => {
    const [start, end] = range(another, random, 512);
    const at = place(bytes, random);
    return join(bytes.subarray(0, at), another.subarray(start, end), bytes.subarray(at));
  },
  (bytes, random, another) =>
    join(bytes.subarray(0, place(bytes, random)), another.subarray(place(another, random))),
];

/** A piece repeated many times: what takes quadratic time, or a level of the stack for each, shows. */
function stretch(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = range(bytes, random, 16);
  const piece = bytes.subarray(start, end);
  const times = Math.floor((1 << (4 + random.integer(11))) / Math.max(1, piece.length));
  const at = place(bytes, random);
  return join(bytes.subarray(0, at), ...new Array<Uint8Array>(times).fill(piece), bytes.subarray(at));
}

/** Flips, cuts, repeats and splices bytes, and writes extreme numbers over them. */
export const mutateBytes: Mutate = (input, random, another) => {
  let bytes = input;
  for (let left = 1 + random.integer(4); left > 0; left -= 1)
    bytes = edits[random.integer(edits.length)]!(bytes, random, another);
  if (random.integer(64) === 0) bytes = stretch(bytes, random);
  return bytes;
};
