import { parentPort, workerData } from 'node:worker_threads';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { activationBytes, quantizeActivations } from '../../runtime/kernels/activations.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type KernelFormatName, kernelFormats, matmulScratchBytes } from '../../runtime/kernels/formats.ts';
import type { Kernels } from '../../runtime/kernels/kernels.ts';

/** What one thread is to measure; it answers with the rate. */
export interface RateJob {
  /** `read`: how fast memory is read; else how fast a matrix of a format is multiplied. */
  readonly what: 'read' | KernelFormatName;
  /** Rows of 2048 columns: few stay in a cache, many do not. */
  readonly rows: number;
  readonly tokens: number;
  readonly milliseconds: number;
}

export interface RateWorkerData {
  /** A module that exports `read(pointer, bytes)`, which touches every cache line. */
  readonly readModule: Uint8Array;
}

const columns = 2048;
const { readModule } = workerData as RateWorkerData;

parentPort!.postMessage(Object.keys(kernelFormats));
parentPort!.on('message', (job: RateJob) => parentPort!.postMessage(rateOf(job)));

/** Of one thread, medians over calls. */
export interface ThreadRate {
  readonly bytesPerSecond: number;
  readonly flops: number;
}

function rateOf({ what, rows, tokens, milliseconds }: RateJob): ThreadRate {
  const kernels = startKernels();
  const arena = new Arena(kernels.memory);
  const weightBytes = what === 'read' ? rows * columns : kernelFormats[what].packedBytes(rows, columns);
  const weights = arena.alloc(weightBytes);
  const step =
    what === 'read'
      ? reader(kernels, weights, weightBytes)
      : product(kernels, arena, what, weights, rows, tokens);
  arena.u8(weights, weightBytes).fill(0x11);
  const seconds = medianSeconds(step, milliseconds);
  return { bytesPerSecond: weightBytes / seconds, flops: (2 * rows * columns * tokens) / seconds };
}

function reader({ memory }: Kernels, pointer: number, byteLength: number): () => void {
  const module = new WebAssembly.Module(new Uint8Array(readModule));
  const { read } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  return () => (read as (pointer: number, bytes: number) => number)(pointer, byteLength);
}

function product(
  kernels: Kernels,
  arena: Arena,
  name: KernelFormatName,
  weights: number,
  rows: number,
  tokens: number,
): () => void {
  const { activation, matmul } = kernelFormats[name];
  const input = arena.alloc(tokens * columns * 4);
  const x = activation === 'f32' ? input : arena.alloc(tokens * activationBytes(activation, columns));
  const y = arena.alloc(tokens * rows * 4);
  const scratch = arena.alloc(matmulScratchBytes(columns));
  arena.f32(input, tokens * columns).forEach((_, i, values) => {
    values[i] = ((i * 7919) % 257) / 128 - 1;
  });
  if (activation !== 'f32') quantizeActivations(kernels, activation, input, x, columns, tokens);
  return () => matmul(kernels, weights, x, y, rows, columns, tokens, rows, scratch);
}

function medianSeconds(step: () => void, milliseconds: number): number {
  const times: number[] = [];
  step();
  const endMs = performance.now() + milliseconds;
  while (times.length < 5 || performance.now() < endMs) {
    const beginMs = performance.now();
    step();
    times.push(performance.now() - beginMs);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]! / 1000;
}
