import type { Deal } from './deal.ts';
import type { Layout } from './layout.ts';
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

/** @param streamedShares of each rank's weights the part that is read from disk */
export function stepWork(
  problem: Problem,
  layout: Layout,
  deal: Deal,
  { tokens, start, rows }: StepLoad,
  streamedShares: readonly number[],
): StepWork {
  const { work, devices, times } = problem;
  const parts = Math.ceil(tokens / layout.microBatchTokens);
  const partTokens = tokens / parts;
  // Parts differ in how many positions they find; this is the middle one's.
  const partStart = start + (tokens - partTokens) / 2;
  const size = 2 * work.description.config.layerCount * devices.length;
  const [computeMs, readMs] = [new Float64Array(size), new Float64Array(size)];
  const readTime = (rank: number, bytes: number) =>
    streamedShares[rank]! > 0
      ? transferMs(bytes * streamedShares[rank]!, devices[rank]!.diskBytesPerSecond)
      : 0;
  layout.stages.forEach(({ firstLayer, endLayer }, stage) => {
    const members = deal.members[stage]!;
    for (let sublayer = 2 * firstLayer; sublayer < 2 * endLayer; sublayer += 1) {
      for (const rank of members) {
        const tiles = deal.sublayers[sublayer]![rank]!;
        const at = sublayer * devices.length + rank;
        const heat = tiles > 0 ? deal.loads[sublayer]![rank]! / tiles : 1;
        const streams = streamedShares[rank]! > 0;
        computeMs[at] =
          times[rank]!.sublayerMs(sublayer, tiles, partTokens, partStart, { streams, heat }) +
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

/** Measured for one token; the sums of more must be packed and unpacked. */
function ownSyncMs({ network, work }: Problem, { syncMs }: DeviceProfile, tokens: number): number {
  const { hiddenSize } = work.description.config;
  return (
    network.exchangeMs + syncMs + 2 * transferMs((tokens - 1) * hiddenSize * 4, network.packBytesPerSecond)
  );
}
