import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { DeviceGpu } from '../../device-agent/device-gpu.ts';
import { silentLogger } from '../../device-agent/logger.ts';
import { type Lend, type LendWhole, lendTo } from '../../runtime/decoder/lending.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { Gpu } from '../../runtime/gpu/gpu.ts';
import type { GpuClock } from '../../runtime/gpu/readback.ts';
import type { StepInput } from '../../runtime/generation/step-runner.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { KvFormat } from '../../runtime/kernels/kv-page.ts';
import type { ApproximationChoice } from '../../runtime/model/approximation.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { memorySource } from '../support/memory-source.ts';

export interface LogitsJob {
  readonly model: Uint8Array;
  readonly kernels: KernelBytes;
  /** Of each step its tokens, or those of each sequence. */
  readonly steps: readonly (readonly number[] | readonly (readonly number[])[])[];
  /** FFN tiles of each layer that are lent where one token is computed, and where several are. */
  readonly tiles: number;
  readonly batchTiles?: number;
  /** Whole layers are lent, in steps that have so many tokens at least and at most. */
  readonly whole?: readonly [least: number, most: number];
  readonly kvFormat?: KvFormat;
  /** Not exactly: of a model with cuts or predictors, and the threshold of these. */
  readonly approximation?: ApproximationChoice;
  /** In place of all these: by which the device chooses itself. */
  readonly rates?: DeviceRates;
  /** The step in whose middle the GPU is taken away. */
  readonly loseAt?: number;
  /** The step from which on it neither answers nor is lost. */
  readonly hangAt?: number;
}

export interface LentLogits {
  /** SHA-256 of all logits. */
  readonly digest: string;
  /** Times that the GPU was given something to compute. */
  readonly submissions: number;
  /** Bytes that were written to it. */
  readonly writtenBytes: number;
  /** Codes of what the rank was told of its GPU. */
  readonly losses: readonly string[];
}

/** Steps of a sequence by a rank that lends tiles to a GPU; by one without, if there is none. */
export async function lentLogits(
  gpu: Gpu | undefined,
  clock: GpuClock,
  { model, kernels, steps, loseAt, hangAt, ...job }: LogitsJob,
): Promise<LentLogits> {
  const file = new ModelFile(await openGguf(memorySource(model)), job.approximation);
  const losses: string[] = [];
  const options = {
    kvFormat: job.kvFormat ?? 'f16',
    maxStepTokens: 80,
    maxSequences: 2,
    contextLength: 192,
    kvPages: 6,
  };
  const lend = gpu && (await lendingOf(gpu, clock, file, options, job, losses));
  const runner = await createSoloRunner(file, kernels, options, lend);
  const work = gpu ? countWork(gpu.device.queue) : { submissions: 0, writtenBytes: 0 };
  const digest = sha256.create();
  const starts = [0, 0];
  let goOn = (): void => {};
  for (const [i, tokens] of steps.entries()) {
    if (i === hangAt) goOn = hang();
    const rows = runner.step(inputsOf(tokens, starts));
    if (i === loseAt) await whenSubmitted(work).then(() => gpu!.device.destroy());
    for (const row of await rows) digest.update(new Uint8Array(row.slice().buffer));
  }
  goOn();
  return { digest: bytesToHex(digest.digest()), ...work, losses };
}

/** A step's sequences, each of which goes on where it was. */
function inputsOf(tokens: LogitsJob['steps'][number], starts: number[]): StepInput[] {
  const sequences = (Array.isArray(tokens[0]) ? tokens : [tokens]) as readonly (readonly number[])[];
  return sequences.map((own, slot) => {
    const start = starts[slot]!;
    starts[slot] = start + own.length;
    return { slot, start, count: own.length, tokens: own, logits: 'all' };
  });
}

/** As the job says, or as a device does that has measured itself. */
async function lendingOf(
  gpu: Gpu,
  clock: GpuClock,
  { description, tiles: specs }: ModelFile,
  options: RankOptions,
  { tiles, batchTiles = tiles, rates, whole }: Pick<LogitsJob, 'tiles' | 'batchTiles' | 'rates' | 'whole'>,
  losses: string[],
): Promise<Lend | undefined> {
  if (!rates) {
    const of = (_layer: number, _held: number, tokens: number) => (tokens > 1 ? batchTiles : tiles);
    const isWorth = (tokens: number) => whole![0] <= tokens && tokens <= whole![1];
    const layers: LendWhole | undefined = whole && (async () => isWorth);
    return lendTo({
      gpu,
      clock,
      tiles: of,
      layers,
      onLost: ({ code }) => losses.push(code),
    });
  }
  // Room for tiles alone, not for layers.
  const memoryBytes = specs.reduce((sum, spec) => sum + (spec.kind === 'ffn' ? spec.byteLength : 0), 0);
  const owner = {
    use: 'auto',
    threads: 1,
    rankBytes: 1e9,
    memoryBytes,
    clock,
    logger: silentLogger,
  } as const;
  const [assignment] = planByShares(specs, [1]);
  const setup = { description, assignment: assignment!, options, tileHashes: new Uint8Array(0) };
  const rank = { ...setup, profile: false, copiesKv: false };
  return new DeviceGpu(gpu, owner).lending(rank, async () => rates, 1e9);
}

/** From now on nothing that is asked for comes, in this process or page, until `goOn` is called. */
function hang(): () => void {
  const { prototype } = GPUBuffer;
  const { mapAsync } = prototype;
  prototype.mapAsync = () => new Promise(() => {});
  return () => {
    prototype.mapAsync = mapAsync;
  };
}

type Work = Pick<LentLogits, 'submissions' | 'writtenBytes'>;

/** @returns what the queue is given from now on */
function countWork(queue: GPUQueue): Work {
  const work = { submissions: 0, writtenBytes: 0 };
  const { submit, writeBuffer } = GPUQueue.prototype;
  Object.defineProperty(queue, 'submit', {
    configurable: true,
    value: (buffers: readonly GPUCommandBuffer[]) => {
      work.submissions += 1;
      submit.call(queue, buffers);
    },
  });
  Object.defineProperty(queue, 'writeBuffer', {
    configurable: true,
    value: (buffer: GPUBuffer, offset: number, data: Uint8Array<ArrayBuffer>) => {
      work.writtenBytes += data.byteLength;
      writeBuffer.call(queue, buffer, offset, data);
    },
  });
  return work;
}

/** Returns as soon as more has been submitted than there was. */
async function whenSubmitted(work: Work): Promise<void> {
  const before = work.submissions;
  for (let turn = 0; turn < 1000 && work.submissions === before; turn += 1)
    await new Promise((resolve) => setTimeout(resolve, 0));
}
