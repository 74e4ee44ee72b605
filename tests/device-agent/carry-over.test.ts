import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RankHost, RankSetup } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { hashedTile } from '../support/hashed-tile.ts';
import { memorySource } from '../support/memory-source.ts';
import { loadRank, noSources, rankSetup } from '../support/rank-host.ts';
import { cutAllTiles } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { logits, options } from '../threads/rank-steps.ts';

let model: ModelFile;
let tiles: readonly Uint8Array[];
let whole: RankSetup;
let half: RankSetup;
beforeAll(async () => {
  model = await openModelFile(memorySource(await syntheticModel({ type: 'Q4_0' })));
  tiles = await cutAllTiles(model);
  const setupOf = (shares: readonly number[]) =>
    rankSetup(model.description, planByShares(model.tiles, shares)[0]!, options);
  whole = setupOf([1]);
  half = setupOf([1, 1]);
});

/** A device that was a part of the model and is now all of it. @returns what it wanted to be sent */
async function grown(next: RankSetup, memoryBytes = Number.POSITIVE_INFINITY, threads = 1) {
  const createRank = kernelRanks({
    startKernels,
    sources: noSources,
    memoryBytes,
    threads: nodeThreads(threads, silentLogger),
  });
  const first = createRank(half);
  await loadRank(first, tiles);
  first.close();
  const second: RankHost = createRank(next, first);
  onTestFinished(() => second.close());
  const { wanted, loaded } = await loadRank(second, tiles);
  expect(loaded.toSorted((a, b) => a - b)).toEqual(next.assignment.tileIds);
  return { wanted, rank: second.rank };
}

describe('a device that becomes another rank', () => {
  it.each([1, 2])('keeps the tiles that it holds already, in %i threads', async (threads) => {
    const { wanted, rank } = await grown(whole, undefined, threads);
    const missing = whole.assignment.tileIds.filter((id) => !half.assignment.tileIds.includes(id));
    expect(wanted).toEqual(missing);
    expect(missing.length).toBeGreaterThan(3);
    const fresh = kernelRanks({ startKernels, sources: noSources })(whole);
    onTestFinished(() => fresh.close());
    await loadRank(fresh, tiles);
    expect(await logits(model, rank, [13])).toEqual(await logits(model, fresh.rank, [13]));
  });

  it('gets all anew where there is no memory for both', async () => {
    const { tiles: weights, rest } = rankBytes(model.description, whole.assignment, options, 1);
    const { wanted } = await grown(whole, weights + rest + 65_536);
    expect(wanted).toEqual(whole.assignment.tileIds);
  });

  it('gets those anew that are said to be others', async () => {
    const tileHashes = Uint8Array.from(whole.tileHashes);
    for (const id of [0, 1]) tileHashes.set(hashedTile(id, tiles[id]!).hash, 32 * id);
    tileHashes[32] = tileHashes[32]! ^ 1;
    const { wanted } = await grown({ ...whole, tileHashes });
    expect(half.assignment.tileIds.slice(0, 2)).toEqual([0, 1]);
    expect(wanted).toContain(1);
    expect(wanted).not.toContain(0);
  });
});
