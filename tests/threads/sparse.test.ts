import { expect, test } from 'vitest';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { memorySource } from '../support/memory-source.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { loadRank } from '../support/rank-host.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { logits, options, prompt } from './rank-steps.ts';
import { cacheRoom, streamingRank } from './streaming-rank.ts';

const skipping = await openModelFile(
  memorySource(await syntheticModel({ type: 'Q4_0', activation: 'relu', neuronRows: true })),
);
const predicting = await openModelFile(
  memorySource(await predictedModel({ type: 'Q4_0', activation: 'relu' }, 32)),
  undefined,
  { threshold: 0 },
);
const wholePrompt = { slot: 0, start: 0, count: prompt.length, logits: 'all', tokens: prompt } as const;

test.each([
  ['do not fire', skipping, 1, 0.4],
  ['do not fire', skipping, 2, 2],
  ['do not fire', skipping, 2, 0.4],
  ['do not fire', skipping, 3, 2],
  ['are not predicted', predicting, 2, 2],
  ['are not predicted', predicting, 3, 0.4],
  ['are not predicted', predicting, 5, 2],
] as const)('neurons that %s are skipped alike: %#', async (_, model, threads, share) => {
  const tiles = await cutAllTiles(model);
  const star = await TestStar.create(model, tiles, [1], { ...options, ffn: { everyNeuron: true } });
  const expected = await star.step([wholePrompt]);
  const host = streamingRank(model, await cacheRoom(), { threads, share });
  await loadRank(host, tiles);
  expect(new Set(expected.map((row) => row[3])).size).toBe(prompt.length);
  for (const runs of [[13], [1, 1, 11], [6, 7]])
    expect(await logits(model, host.rank, runs)).toEqual(expected);
});
