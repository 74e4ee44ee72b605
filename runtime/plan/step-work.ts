import type { LayoutCost } from './cost.ts';
import type { RankReads } from './memory.ts';
import { transferMs } from './network.ts';
import type { Problem } from './problem.ts';
import type { DeviceProfile } from './profiles.ts';
import { bytesOfTiles } from './workload.ts';

/** Tokens that go through all layers together. */
export interface StepLoad {
  readonly tokens: number;
  /** Positions that the tokens find in the KV cache. */
  readonly start: number;
  /** Tokens whose logits are wanted; they are in the last part. */
  readonly rows: number;
}

/** What a step takes of each rank: what the walk and the simulation both play. */
export interface StepWork {
  readonly rows: number;
  /** Parts that a step is cut into, of so many tokens on average. */
  readonly parts: number;
  readonly partTokens: number;
  /** [sublayer × devices] computing a part, and what a sync takes of the rank's own time. */
  readonly computeMs: Float64Array;
  /** [sublayer × devices] reading what does not stay in memory, once for all parts. */
  readonly readMs: Float64Array;
  /** [devices] of the output head, for all rows. */
  readonly headMs: Float64Array;
  readonly headReadMs: Float64Array;
}

/** @param reads of each rank, see `RankMemories.reads` */
export function stepWork(
  { problem, layout, deal, memory }: LayoutCost,
  { tokens, start, rows }: StepLoad,
  reads: readonly (RankReads | undefined)[],
): StepWork {
  const { work, devices, times } = problem;
  const parts = Math.ceil(tokens / layout.microBatchTokens);
  const partTokens = tokens / parts;
  // Parts differ in how many positions they find; this is the middle one's.
  const partStart = start + (tokens - partTokens) / 2;
  const size = 2 * work.description.config.layerCount * devices.length;
  const [computeMs, readMs] = [new Float64Array(size), new Float64Array(size)];
  const readTime = (rank: number, bytes: number) => {
    const aheadBytes = reads[rank]?.aheadBytes ?? 0;
    if (aheadBytes === 0) return 0;
    return transferMs((bytes * aheadBytes) / memory[rank]!.weightBytes, devices[rank]!.diskBytesPerSecond);
  };
  const coldMs = devices.map((_, rank) => coldTileMs({ problem, deal }, rank, reads[rank], partTokens));
  layout.stages.forEach(({ firstLayer, endLayer }, stage) => {
    const members = deal.members[stage]!;
    for (let sublayer = 2 * firstLayer; sublayer < 2 * endLayer; sublayer += 1) {
      for (const rank of members) {
        const tiles = deal.sublayers[sublayer]![rank]!;
        const at = sublayer * devices.length + rank;
        const heat = tiles > 0 ? deal.loads[sublayer]![rank]! / tiles : 1;
        computeMs[at] =
          times[rank]!.sublayerMs(sublayer, tiles, partTokens, partStart, { streams: !!reads[rank], heat }) +
          (sublayer % 2 === 1 ? tiles * coldMs[rank]! : 0) +
          (members.length > 1 ? ownSyncMs(problem, devices[rank]!, partTokens) : 0);
        readMs[at] = readTime(rank, bytesOfTiles(work.sublayers[sublayer]!, tiles));
      }
    }
  });
  const headMs = devices.map((_, rank) => times[rank]!.vocabularyMs(deal.vocabulary[rank]!, rows));
  const headReadMs = devices.map((_, rank) =>
    readTime(rank, bytesOfTiles(work.vocabulary, deal.vocabulary[rank]!)),
  );
  return {
    rows,
    parts,
    partTokens,
    computeMs,
    readMs,
    headMs: Float64Array.from(headMs),
    headReadMs: Float64Array.from(headReadMs),
  };
}

/** What reading neurons when they fire takes for one FFN tile of a rank: hardly anything is computed meanwhile. */
function coldTileMs(
  { problem, deal }: Pick<LayoutCost, 'problem' | 'deal'>,
  rank: number,
  reads: RankReads | undefined,
  tokens: number,
): number {
  if (!reads?.cold) return 0;
  const tiles = deal.sublayers.reduce((sum, counts, i) => sum + (i % 2 === 1 ? counts[rank]! : 0), 0);
  return transferMs(reads.cold.bytes(Math.round(tokens)), problem.devices[rank]!.diskBytesPerSecond) / tiles;
}

/** Measured for one token; the sums of more must be packed and unpacked. */
function ownSyncMs({ network, work }: Problem, { syncMs }: DeviceProfile, tokens: number): number {
  const { hiddenSize } = work.description.config;
  return (
    network.exchangeMs + syncMs + 2 * transferMs((tokens - 1) * hiddenSize * 4, network.packBytesPerSecond)
  );
}
