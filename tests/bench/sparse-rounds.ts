import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  parseSyntheticModel,
  provideSyntheticModel,
  syntheticPath,
} from '../../coordinator/bench/synthetic-model.ts';
import { openModel } from '../../coordinator/files/open-model.ts';
import { writeModel } from '../../coordinator/files/write-model.ts';
import { encodeRows } from '../../coordinator/quantize/encode-rows.ts';
import { firingReport } from '../../coordinator/sparsity/firing-report.ts';
import { measureFiring } from '../../coordinator/sparsity/measure-firing.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { kernelBuilds, startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { hashedTile } from '../support/hashed-tile.ts';
import { noSources, rankSetup } from '../support/rank-host.ts';

/** Tokens whose firing is counted, and with which each way begins. */
const profileTokens = 384;
const promptTokens = 64;

export interface SparseModels {
  /** As it is, all neurons computed by the kernels of any model. */
  readonly dense: ModelFile;
  /** The same, sparsified. */
  readonly sparse: ModelFile;
  /** Share of neurons and tokens that did not fire. */
  readonly sparsity: number;
}

/** @param choice a model's file, or a synthetic one such as `tinyllama-1.1b-relu:Q4_0`, which is kept in the cache folder, and what is made of it */
export async function sparseModels(choice: string): Promise<SparseModels> {
  const path = choice.endsWith('.gguf') ? choice : await synthetic(choice);
  const dense = await openModel(path);
  const tokens = Array.from({ length: profileTokens }, (_, i) => tokenAt(i, dense));
  const profile = await measureFiring(dense, kernelBuilds(), tokens);
  const sparsePath = join(cacheFolder(), `${dense.name}-sparse.gguf`);
  const inline = { width: 1, encode: async (job: Parameters<typeof encodeRows>[0]) => encodeRows(job) };
  await writeModel(sparsePath, sparsifyModel(dense.gguf, dense.config, profile, inline), { force: true });
  return { dense, sparse: await openModel(sparsePath), sparsity: firingReport(profile).sparsity };
}

async function synthetic(choice: string): Promise<string> {
  const model = parseSyntheticModel(choice);
  const path = syntheticPath(model);
  await provideSyntheticModel(model, path, { force: true });
  return path;
}

function tokenAt(position: number, { config }: ModelFile): number {
  return (Math.imul(position + 1, 0x9e3779b1) >>> 0) % config.vocabSize;
}

/** One rank with all of a model, of so many threads. */
export interface Way {
  /** Reads a prompt of 64 tokens from the beginning. @returns milliseconds */
  prefill(): Promise<number>;
  /** Computes `tokens` tokens behind the prompt, one by one. @returns milliseconds */
  decode(tokens: number): Promise<number>;
  /** SHA-256 of all logits so far. */
  digest(): string;
}

export async function startWay(model: ModelFile, threads: number, ffn: FfnOptions = {}): Promise<Way> {
  const [assignment] = planByShares(model.tiles, [1]);
  const options: RankOptions = {
    kvFormat: 'f16',
    maxStepTokens: promptTokens,
    maxSequences: 1,
    contextLength: 512,
    kvPages: 8,
    ffn,
  };
  const createRank = kernelRanks({
    startKernels: (memory) => startKernels(memory),
    threads: nodeThreads(threads, silentLogger),
    sources: noSources,
  });
  const host = createRank(rankSetup(model.description, assignment!, options));
  const deliver = async (ids: readonly number[]) => {
    for (const id of ids) host.deliver(hashedTile(id, await model.cutTile(model.tiles[id]!)));
  };
  await host.load({ wanted: (ids) => void deliver(ids), loaded: () => {} });
  const hash = createHash('sha256');
  let stepId = 0;
  const step = async (start: number, count: number): Promise<number> => {
    const header = { stepId: stepId++, sequences: [{ slot: 0, start, count, logits: 'last' as const }] };
    const tokens = Array.from({ length: count }, (_, i) => tokenAt(start + i, model));
    const embeddings = new Float32Array(count * model.config.hiddenSize);
    await model.embed(tokens, embeddings);
    const began = performance.now();
    const running = host.rank.step(header, embeddings);
    let next = running.next();
    while (!next.done) next = running.next();
    const rows = new LogitRows(header, model.config.vocabSize);
    rows.add(next.value);
    const took = performance.now() - began;
    for (const row of rows.rows) hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    return took;
  };
  return {
    prefill: () => step(0, promptTokens),
    async decode(tokens) {
      let total = 0;
      for (let i = 0; i < tokens; i += 1) total += await step(promptTokens + i, 1);
      return total;
    },
    digest: () => hash.copy().digest('hex'),
  };
}
