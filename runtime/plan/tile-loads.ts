import type { TileSection, TileSpec } from '../tile/spec.ts';

/**
 * What a token by itself reads of each of some tiles that are computed side by side, as multiples of their mean: of neurons
 * in rows only those are read that fire.
 * @returns undefined where it is not known how many do, or all are read: then tiles count as equal
 */
export function tileLoads(specs: readonly TileSpec[]): number[] | undefined {
  if (specs.some(({ firing }) => firing === undefined)) return undefined;
  const bytes = specs.map((spec) =>
    spec.sections.reduce((sum, section) => sum + readBytes(spec, section), 0),
  );
  const mean = bytes.reduce((sum, read) => sum + read, 0) / bytes.length;
  return bytes.map((read) => read / mean);
}

function readBytes({ firing, count }: TileSpec, { byRow, byteLength }: TileSection): number {
  return byRow ? (byteLength * firing!) / count : byteLength;
}
