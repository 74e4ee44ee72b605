import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { lendTo } from '../../runtime/decoder/lent-tiles.ts';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import type { Gpu } from '../../runtime/gpu/gpu.ts';
import type { GpuClock } from '../../runtime/gpu/readback.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { memorySource } from '../support/memory-source.ts';

export interface LogitsJob {
  readonly model: Uint8Array;
  readonly kernels: KernelBytes;
  /** Tokens of each step. */
  readonly steps: readonly (readonly number[])[];
  /** FFN tiles of each layer that are lent where one token is computed, and where several are. */
  readonly tiles: number;
  readonly batchTiles?: number;
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
  /** Codes of what the rank was told of its GPU. */
  readonly losses: readonly string[];
}

/** Steps of a sequence by a rank that lends tiles to a GPU; by one without, if there is none. */
export async function lentLogits(
  gpu: Gpu | undefined,
  clock: GpuClock,
  { model, kernels, steps, loseAt, hangAt, ...job }: LogitsJob,
): Promise<LentLogits> {
  const file = new ModelFile(await openGguf(memorySource(model)));
  const losses: string[] = [];
  const tiles = (_layer: number, _held: number, tokens: number) =>
    tokens > 1 ? (job.batchTiles ?? job.tiles) : job.tiles;
  const lend = gpu && lendTo({ gpu, clock, tiles, onLost: ({ code }) => losses.push(code) });
  const options = {
    kvFormat: 'f16',
    maxStepTokens: 8,
    maxSequences: 1,
    contextLength: 64,
    kvPages: 1,
  } as const;
  const runner = await createSoloRunner(file, kernels, options, lend);
  const submissions = gpu ? countSubmissions(gpu.device.queue) : () => 0;
  const digest = sha256.create();
  let start = 0;
  let goOn = (): void => {};
  for (const [i, tokens] of steps.entries()) {
    if (i === hangAt) goOn = hang();
    const rows = runner.step([{ slot: 0, start, count: tokens.length, tokens, logits: 'all' }]);
    if (i === loseAt) await whenSubmitted(submissions).then(() => gpu!.device.destroy());
    for (const row of await rows) digest.update(new Uint8Array(row.slice().buffer));
    start += tokens.length;
  }
  goOn();
  return { digest: bytesToHex(digest.digest()), submissions: submissions(), losses };
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

function countSubmissions(queue: GPUQueue): () => number {
  let count = 0;
  const submit = queue.submit.bind(queue);
  Object.defineProperty(queue, 'submit', {
    configurable: true,
    value: (buffers: readonly GPUCommandBuffer[]) => {
      count += 1;
      submit(buffers);
    },
  });
  return () => count;
}

/** Returns as soon as more has been submitted than there was. */
async function whenSubmitted(submissions: () => number): Promise<void> {
  const before = submissions();
  for (let turn = 0; turn < 1000 && submissions() === before; turn += 1)
    await new Promise((resolve) => setTimeout(resolve, 0));
}
