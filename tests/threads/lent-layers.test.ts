import { afterEach, expect, test } from 'vitest';
import type { RankHost } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import type { LayerLoan, Lend } from '../../runtime/decoder/lending.ts';
import type { Stage } from '../../runtime/decoder/stage.ts';
import { type ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { memorySource } from '../support/memory-source.ts';
import { loadRank, noSources, rankSetup } from '../support/rank-host.ts';
import { cutAllTiles } from '../support/star.ts';
import { smallShape, syntheticModel } from '../support/synthetic-model.ts';
import { logits, options, stepLogits } from './rank-steps.ts';

const hosts: RankHost[] = [];

afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

async function rankOf(model: ModelFile, threads: number, lend: Lend): Promise<RankHost['rank']> {
  const createRank = kernelRanks({
    startKernels,
    threads: nodeThreads(threads, silentLogger),
    sources: noSources,
    lending: async () => lend,
  });
  const [assignment] = planByShares(model.tiles, [1]);
  const host = createRank(rankSetup(model.description, assignment!, options));
  hosts.push(host);
  await loadRank(host, await cutAllTiles(model));
  return host.rank;
}

/** A rank of one thread that is a step ahead, as the other processor of another, in the steps that `turns` names. */
async function twinOf(model: ModelFile) {
  let twin: Stage | undefined;
  const rank = await rankOf(model, 1, async (stage) => {
    twin = stage;
    return {};
  });
  const state = { turns: [] as boolean[], computed: 0, kept: [] as number[] };
  const lend: Lend = async (stage) => {
    const layers: LayerLoan = {
      tiles: 0,
      begin: () => state.turns[0] !== undefined,
      keep: (_, positions) => state.kept.push(positions),
      *compute(tokens, first) {
        yield { kind: 'awaitTiles', ready: Promise.resolve() };
        if (!state.turns.shift()) return false;
        state.computed += 1;
        const end = first + tokens.length;
        stage.residual(first, end).set(twin!.residual(first, end));
        for (const { spec } of [0, 1].flatMap((layer) => stage.tiles.tiles('attention', layer)))
          for (const [i, page] of stage.attention.kvPage(0, 0, spec).entries())
            page.set(twin!.attention.kvPage(0, 0, spec)[i]!);
        return true;
      },
      close: () => {},
    };
    return { layers };
  };
  return { rank, state, lend };
}

test.each([1, 2, 3])(
  '%i threads wait for layers that are lent, and compute what does not come back',
  async (threads) => {
    const model = await openModelFile(
      memorySource(await syntheticModel({ ...smallShape, vocabSize: 2600, type: 'Q8_0' })),
    );
    const runs = [3, 1, 1, 5, 1, 2];
    const plain = await rankOf(model, threads, async () => ({}));
    const expected = await logits(model, plain, runs);
    expect(new Set(expected.map((row) => row[3])).size).toBe(13);
    for (const turns of [
      [true, true, true, true, true, true],
      [false, false, false, false, false, false],
      [true, false, true, false, false, true],
    ]) {
      const { rank: ahead, state, lend } = await twinOf(model);
      const rank = await rankOf(model, threads, lend);
      state.turns = [...turns];
      const rows: Float32Array[] = [];
      let start = 0;
      for (const count of runs) {
        await stepLogits(model, ahead, start, count);
        rows.push(...(await stepLogits(model, rank, start, count)));
        start += count;
      }
      expect(rows).toEqual(expected);
      expect(state.computed).toBe(turns.filter(Boolean).length);
    }
  },
);
