import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { RankHost } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { startLoader } from '../../device-agent/node/loader-thread.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { memorySource } from '../support/memory-source.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { loadRank, rankSetup } from '../support/rank-host.ts';
import { cutAllTiles, TestStar } from '../support/star.ts';
import { syntheticModel } from '../support/synthetic-model.ts';
import { logits, options, prompt } from './rank-steps.ts';

const skipping = await openModelFile(
  memorySource(await syntheticModel({ type: 'Q4_0', activation: 'relu', neuronRows: true })),
);
const predicting = await openModelFile(
  memorySource(await predictedModel({ type: 'Q4_0', activation: 'relu' }, 32)),
  undefined,
  { threshold: 0 },
);
const wholePrompt = { slot: 0, start: 0, count: prompt.length, logits: 'all', tokens: prompt } as const;

const hosts: RankHost[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

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
  const [assignment] = planByShares(model.tiles, [1]);
  const star = await TestStar.create(model, tiles, [1], { ...options, ffn: { everyNeuron: true } });
  const expected = await star.step([wholePrompt]);
  const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const room = { folder, limitBytes: 1e9, keepFreeBytes: 0 };
  const bytes = rankBytes(model.description, assignment!, options, threads, maximumMemoryBytes);
  const createRank = kernelRanks({
    startKernels,
    threads: nodeThreads(threads, silentLogger, room),
    sources: { cache: new FolderTileCache(room), model: undefined, sha256: nodeSha256 },
    memoryBytes: Math.floor(bytes.rest + share * bytes.tiles),
    arenaLimitBytes: maximumMemoryBytes,
    startLoader: (job) => startLoader(job, room, silentLogger),
  });
  const host = createRank(rankSetup(model.description, assignment!, options));
  hosts.push(host);
  await loadRank(host, tiles);
  expect(new Set(expected.map((row) => row[3])).size).toBe(prompt.length);
  for (const runs of [[13], [1, 1, 11], [6, 7]])
    expect(await logits(model, host.rank, runs)).toEqual(expected);
});
