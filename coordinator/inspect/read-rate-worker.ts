import { parentPort } from 'node:worker_threads';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { activationBytes, quantizeActivations } from '../../runtime/kernels/activations.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type KernelFormatName, kernelFormats, matmulScratchBytes } from '../../runtime/kernels/formats.ts';

/** What one thread is to measure; it answers with bytes a second. */
export interface RateJob {
  readonly format: KernelFormatName;
  /** About the packed bytes of the matrix. */
  readonly byteLength: number;
  readonly milliseconds: number;
}

const columns = 2048;

parentPort!.on('message', (job: RateJob) => parentPort!.postMessage(rateOf(job)));
parentPort!.postMessage('ready');

/** Of a matrix of `columns` columns times one token, over and over. */
function rateOf({ format, byteLength, milliseconds }: RateJob): number {
  const kernels = startKernels();
  const arena = new Arena(kernels.memory);
  const { packedBytes, activation, matmul } = kernelFormats[format];
  const rows = 8 * Math.ceil(byteLength / packedBytes(8, columns));
  const weightBytes = packedBytes(rows, columns);
  const weights = arena.alloc(weightBytes);
  arena.u8(weights, weightBytes).fill(0x11);
  const input = arena.alloc(columns * 4);
  arena.f32(input, columns).fill(1);
  const x = activation === 'f32' ? input : arena.alloc(activationBytes(activation, columns));
  if (activation !== 'f32') quantizeActivations(kernels, activation, input, x, columns, 1);
  const y = arena.alloc(rows * 4);
  const scratch = arena.alloc(matmulScratchBytes(columns));
  const step = () => matmul(kernels, weights, x, y, rows, columns, 1, rows, scratch);
  step();
  const beginMs = performance.now();
  let steps = 0;
  while (performance.now() < beginMs + milliseconds) {
    step();
    steps += 1;
  }
  return (steps * weightBytes * 1000) / (performance.now() - beginMs);
}
