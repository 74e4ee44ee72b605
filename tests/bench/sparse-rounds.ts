import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  parseSyntheticModel,
  provideSyntheticModel,
  syntheticPath,
} from '../../coordinator/bench/synthetic-model.ts';
import { openModel } from '../../coordinator/files/open-model.ts';
import { type ModelContents, writeModel } from '../../coordinator/files/write-model.ts';
import { firingReport } from '../../coordinator/sparsity/firing-report.ts';
import { measureCuts } from '../../coordinator/sparsity/measure-cuts.ts';
import { measureFiring } from '../../coordinator/sparsity/measure-firing.ts';
import { predictorContents } from '../../coordinator/sparsity/predictor-file.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import { FloatProducts } from '../../coordinator/sparsity/training/float-products.ts';
import {
  calibrated,
  type Quality,
  qualityOf,
  rounded,
} from '../../coordinator/sparsity/training/predictor.ts';
import { gatherSamples, type LayerSamples } from '../../coordinator/sparsity/training/samples.ts';
import { trainPredictors } from '../../coordinator/sparsity/training/train-predictors.ts';
import type { RankHost } from '../../device-agent/create-rank.ts';
import { cacheFolder } from '../../device-agent/node/cache-folder.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { kernelBuilds, startKernels } from '../../device-agent/node/kernel-files.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { LogitRows } from '../../runtime/decoder/logit-rows.ts';
import type { FfnOptions, RankOptions } from '../../runtime/decoder/rank-options.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { hashedTile } from '../support/hashed-tile.ts';
import { memorySource } from '../support/memory-source.ts';
import { bytesOf, inlineEncoder } from '../support/predicted-model.ts';
import { noSources, rankSetup } from '../support/rank-host.ts';
import { LowRankGates } from './low-rank-gates.ts';

/** Tokens whose firing is counted, and with which each way begins. */
const profileTokens = 512;
const promptTokens = 64;

export interface SparseModels {
  /** As it is, all neurons computed by the kernels of any model. */
  readonly dense: ModelFile;
  /** The same, sparsified. */
  readonly sparse: ModelFile;
  /** That, with neurons left out that are predicted not to fire, or below the cuts of a SwiGLU model. */
  readonly predicted: ModelFile;
  /** Share of neurons and tokens that did not fire, or were below the cuts. */
  readonly sparsity: number;
  /** Of predictors: what they find of the neurons that fire, and name of all. */
  readonly quality: Quality | undefined;
}

/**
 * @param choice a model's file, or a synthetic one such as `tinyllama-1.1b-relu:Q4_0`, which is kept in the cache folder, and
 *   what is made of it
 * @param rank of predictors, which a synthetic model is made for; a file's own are trained
 * @param isSkewed whether a synthetic model's neurons fire by a power law
 */
export async function sparseModels(choice: string, rank: number, isSkewed = false): Promise<SparseModels> {
  const isFile = choice.endsWith('.gguf');
  const given = await openModel(isFile ? choice : await synthetic(choice));
  const isSilu = given.config.activation === 'silu';
  const lowRank = isFile || isSilu ? undefined : new LowRankGates(given, rank, isSkewed);
  const dense = lowRank ? await written(`${given.name}-low-rank`, lowRank.contents()) : given;
  if (lowRank) await given.close();
  const tokens = Array.from({ length: profileTokens }, (_, i) => tokenAt(i, dense));
  const kernels = kernelBuilds();
  const cuts = isSilu ? await measureCuts(dense, kernels, tokens, 0.5) : undefined;
  const samples = isSilu ? undefined : gatherSamples(dense.config, tokens.length);
  const profile = await measureFiring(dense, kernels, tokens, { cuts, probe: samples?.probe });
  const trained = samples && (await predictorsOf(lowRank, samples.layers));
  const predictors =
    trained && (await openGguf(memorySource(await bytesOf(predictorContents('', trained.layers, 'Q4_0')))));
  const contents = sparsifyModel(dense.gguf, dense.config, profile, inlineEncoder, { predictors });
  const sparse = await written(`${dense.name}-sparse`, contents);
  const predicted = new ModelFile(sparse.gguf, { threshold: 0 });
  const { sparsity } = firingReport(profile);
  return { dense, sparse, predicted, sparsity, quality: trained?.quality };
}

export interface ColdModel {
  readonly path: string;
  /** For what is kept of it. */
  readonly folder: string;
  readonly tileBytes: number;
}

/** A sparsified model with predictors, as above, in a file that is made once. */
export async function coldModel(choice: string, rank: number, isSkewed = false): Promise<ColdModel> {
  const name = `${choice.replace(/\W/g, '-')}-${rank}${isSkewed ? '-skewed' : ''}`;
  const folder = join(cacheFolder(), `cold-${name}`);
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'model.gguf');
  if (!existsSync(path)) {
    const { sparse, sparsity, quality } = await sparseModels(choice, rank, isSkewed);
    console.log(JSON.stringify({ sparsity, quality }));
    await rename(sparse.gguf.files![0]!.path, path);
  }
  const model = await openModel(path);
  const { tiles } = model;
  await model.close();
  return { path, folder, tileBytes: tiles.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

async function written(name: string, contents: ModelContents): Promise<ModelFile> {
  const path = join(cacheFolder(), `${name}.gguf`);
  await writeModel(path, contents, { force: true });
  return openModel(path);
}

/** Made, and calibrated on half of the samples, or trained. */
async function predictorsOf(lowRank: LowRankGates | undefined, layers: readonly LayerSamples[]) {
  const options = { type: 'Q4_0', gateType: 'Q4_0', seed: 0 } as const;
  const products = new FloatProducts(startKernels());
  const found = lowRank
    ? lowRank.predictors().map((made, layer) => {
        const { training, test } = layers[layer]!.parts();
        const predictor = calibrated(rounded(made, 'Q4_0'), layers[layer]!, training, products);
        return { predictor, ...qualityOf(predictor, layers[layer]!, test, products) };
      })
    : await trainPredictors(layers, kernelBuilds(), options);
  const mean = (value: (it: Quality) => number) =>
    found.reduce((sum, it) => sum + value(it), 0) / found.length;
  return {
    layers: found,
    quality: { recall: mean(({ recall }) => recall), named: mean(({ named }) => named) },
  };
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

/** Of a rank that is measured. */
export const rankOptions: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: promptTokens,
  maxSequences: 1,
  contextLength: 512,
  kvPages: 8,
};

export async function startWay(model: ModelFile, threads: number, ffn: FfnOptions = {}): Promise<Way> {
  const [assignment] = planByShares(model.tiles, [1]);
  const createRank = kernelRanks({
    startKernels: (memory) => startKernels(memory),
    threads: nodeThreads(threads, silentLogger),
    sources: noSources,
  });
  const host = createRank(rankSetup(model.description, assignment!, { ...rankOptions, ffn }));
  const deliver = async (ids: readonly number[]) => {
    for (const id of ids) host.deliver(hashedTile(id, await model.cutTile(model.tiles[id]!)));
  };
  await host.load({ wanted: (ids) => void deliver(ids), loaded: () => {} });
  return wayOf(host, model);
}

/** Steps of a rank that has its tiles. */
export function wayOf(host: RankHost, model: ModelFile): Way {
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
