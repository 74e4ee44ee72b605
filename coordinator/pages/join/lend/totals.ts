import { computed } from '@preact/signals';
import { lentRanks } from './device.ts';

/** What all ranks of this page are and do together. */
export const totals = computed(() => {
  const ranks = lentRanks.value;
  const sum = (of: (rank: (typeof ranks)[number]) => number | undefined) =>
    ranks.reduce((total, rank) => total + (of(rank) ?? 0), 0);
  return {
    // Every rank has a part in every token.
    tokens: Math.max(0, ...ranks.map(({ work }) => work?.tokens ?? 0)),
    tiles: sum(({ work }) => work?.tiles),
    keptTiles: sum(({ work }) => work?.memory?.keptTiles),
    weightBytes: sum(({ work }) => work?.memory?.residentBytes),
    usedBytes: sum(
      ({ work }) =>
        work?.memory && work.memory.residentBytes + work.memory.windowBytes + work.memory.otherBytes,
    ),
    windowBytes: sum(({ work }) => work?.memory?.windowBytes),
    decodeBytesPerSecond: sum(
      ({ rates }) =>
        rates &&
        Math.max(0, ...Object.values(rates.kernels).map(({ decodeBytesPerSecond }) => decodeBytesPerSecond)),
    ),
  };
});
