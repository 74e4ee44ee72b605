import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { RankHost } from '../../device-agent/create-rank.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { KvFormat } from '../../runtime/kernels/kv-page.ts';
import { ModelFile, openModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { arenaLimit } from '../support/arena-limit.ts';
import { memorySource } from '../support/memory-source.ts';
import { loadRank, noSources, rankSetup } from '../support/rank-host.ts';
import { cutAllTiles } from '../support/star.ts';
import { type SyntheticModelOptions, syntheticModel } from '../support/synthetic-model.ts';
import { begin, logits, options } from './rank-steps.ts';

const hosts: RankHost[] = [];

afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

interface Subject {
  readonly model: ModelFile;
  readonly tiles: readonly Uint8Array[];
}

async function subject(shape: Partial<SyntheticModelOptions>): Promise<Subject> {
  const model = await openModelFile(memorySource(await syntheticModel(shape)));
  return { model, tiles: await cutAllTiles(model) };
}

/** The whole model as one rank of so many threads: the leader in this one, the others in workers. */
async function rankOf(
  { model, tiles }: Subject,
  threads: number,
  kvFormat: KvFormat = 'f16',
  arenas = 1,
): Promise<RankHost['rank']> {
  const [assignment] = planByShares(model.tiles, [1]);
  const memories: WebAssembly.Memory[] = [];
  const rankOptions = { ...options, kvFormat };
  const createRank = kernelRanks({
    startKernels: (memory) => {
      memories.push(memory);
      return startKernels(memory);
    },
    threads: nodeThreads(threads, silentLogger),
    sources: noSources,
    arenaLimitBytes: arenaLimit(model.description, assignment!, rankOptions, threads, arenas),
  });
  const host = createRank(rankSetup(model.description, assignment!, rankOptions));
  expect(memories).toHaveLength(arenas);
  hosts.push(host);
  await loadRank(host, tiles);
  return host.rank;
}

describe('threads', () => {
  test.each([
    ['llama', 'Q4_0', 'f16'],
    ['llama', 'F32', 'q8'],
    ['qwen2', 'Q4_K', 'q8'],
    ['qwen2', 'Q8_0', 'f32'],
  ] as const)(
    'give the bits of one: %s in %s, %s KV',
    { timeout: 60_000 },
    async (architecture, type, kvFormat) => {
      const it = await subject({ architecture, type });
      const expected = await logits(it.model, await rankOf(it, 1, kvFormat), [13]);
      expect(new Set(expected.map((row) => row[3])).size).toBe(13);
      for (const [threads, runs] of [
        [2, [13]],
        [2, [1, 1, 11]],
        [3, [6, 7]],
        [7, [12, 1]],
      ] as const)
        expect(
          await logits(it.model, await rankOf(it, threads, kvFormat), runs),
          `${threads} threads`,
        ).toEqual(expected);
    },
  );

  test.each([
    ['llama', 'Q4_0', 'f16'],
    ['llama', 'F16', 'f32'],
    ['qwen2', 'Q6_K', 'q8'],
    ['qwen2', 'Q8_0', 'f16'],
  ] as const)(
    'give the bits of one memory over several: %s in %s, %s KV',
    { timeout: 60_000 },
    async (architecture, type, kvFormat) => {
      const it = await subject({ architecture, type });
      const expected = await logits(it.model, await rankOf(it, 1, kvFormat), [13]);
      expect(new Set(expected.map((row) => row[3])).size).toBe(13);
      // Over five, every memory has one sublayer or the head.
      for (const [arenas, threads, runs] of [
        [2, 1, [13]],
        [2, 2, [1, 1, 11]],
        [2, 3, [13]],
        [3, 1, [6, 7]],
        [3, 2, [13]],
        [3, 3, [12, 1]],
        [5, 2, [4, 9]],
      ] as const)
        expect(
          await logits(it.model, await rankOf(it, threads, kvFormat, arenas), runs),
          `${arenas} memories, ${threads} threads`,
        ).toEqual(expected);
    },
  );

  test('cut their tiles from the model’s file into several memories', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'model.gguf'), await syntheticModel({ type: 'Q4_0' }));
    const model = new ModelFile(await openGgufAt(join(folder, 'model.gguf')));
    onTestFinished(() => model.close());
    const it = { model, tiles: await cutAllTiles(model) };
    const [assignment] = planByShares(model.tiles, [1]);
    const createRank = kernelRanks({
      startKernels,
      threads: nodeThreads(2, silentLogger),
      sources: { ...noSources, model },
      arenaLimitBytes: arenaLimit(model.description, assignment!, options, 2, 3),
    });
    const host = createRank(rankSetup(model.description, assignment!, options));
    hosts.push(host);
    const { wanted, loaded } = await loadRank(host, []);
    expect(wanted).toEqual([]);
    expect(loaded.sort((a, b) => a - b)).toEqual(assignment!.tileIds);
    expect(await logits(model, host.rank, [13])).toEqual(await logits(model, await rankOf(it, 1), [13]));
  });

  test.each([1, 3])('survive a step that is abandoned in its middle, over %i memories', async (arenas) => {
    const it = await subject({ type: 'Q8_0' });
    const rank = await rankOf(it, 3, 'f16', arenas);
    const expected = await logits(it.model, rank, [13]);
    for (const syncs of [0, 1, 2, 3]) {
      const { step } = await begin(it.model, rank, 0, 5);
      for (let i = 0; i < syncs; i += 1) step.next();
      step.return([]);
      expect(await logits(it.model, rank, [13])).toEqual(expected);
    }
  });

  test('forget what an abandoned step has left in one thread’s coarse plane', async () => {
    const bytes = await syntheticModel({ type: 'F32' });
    const { byteOffset } = (await openGguf(memorySource(bytes))).tensors.get('blk.0.ffn_down.weight')!;
    // The last of five FFN tiles, which the second thread computes: [256, 1280], columns from 1024 on.
    const down = new Float32Array(bytes.buffer.slice(byteOffset, byteOffset + 256 * 1280 * 4));
    new Uint8Array(bytes.buffer, byteOffset).set(
      new Uint8Array(down.map((value, i) => (i % 1280 < 1024 ? value : value * 1e6)).buffer),
    );
    const model = await openModelFile(memorySource(bytes));
    const rank = await rankOf({ model, tiles: await cutAllTiles(model) }, 2);
    const expected = await logits(model, rank, [13]);
    const { step } = await begin(model, rank, 3, 5);
    step.next();
    expect(step.next().value).toMatchObject({ sum: { syncIndex: 1, coarseUsed: true } });
    step.return([]);
    expect(await logits(model, rank, [13])).toEqual(expected);
  });

  test.each([1, 2])('survive a step that fails, over %i memories', async (arenas) => {
    const it = await subject({ type: 'F32' });
    const rank = await rankOf(it, 2, 'f16', arenas);
    const expected = await logits(it.model, rank, [13]);
    const { header } = await begin(it.model, rank, 0, 2);
    const hostile = new Float32Array(2 * it.model.config.hiddenSize).fill(Number.NaN);
    const step = rank.step(header, hostile);
    expect(() => step.next()).toThrow(expect.objectContaining({ code: 'FIXED_POINT_OVERFLOW' }));
    expect(await logits(it.model, rank, [13])).toEqual(expected);
  });
});
