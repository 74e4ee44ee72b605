import { ffnTileNeurons } from '../../runtime/tile/spec.ts';

/**
 * The order of a layer's neurons: sorted by how often they fired, cut into tiles, and tiles in an order in which runs of
 * neighbours have hot ones and cold ones alike, since those are what a thread or a rank computes. A short tile, of the
 * coldest, stays last.
 */
export function neuronOrder(counts: readonly number[]): number[] {
  const hottest = counts.map((_, neuron) => neuron).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const tiles: number[][] = [];
  for (let first = 0; first < hottest.length; first += ffnTileNeurons)
    tiles.push(hottest.slice(first, first + ffnTileNeurons));
  const short = hottest.length % ffnTileNeurons > 0 ? [tiles.pop()!] : [];
  return [...halved(tiles), ...short].flat();
}

/** Sorted things in two halves of about the same sum, each of which is so again. */
function halved<T>(sorted: readonly T[]): readonly T[] {
  if (sorted.length < 2) return sorted;
  const inFirst = (_: T, i: number) => i % 4 === 0 || i % 4 === 3;
  return [...halved(sorted.filter(inFirst)), ...halved(sorted.filter((it, i) => !inFirst(it, i)))];
}
