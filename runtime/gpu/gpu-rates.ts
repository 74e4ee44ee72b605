import type { KernelFormatName } from '../kernels/formats.ts';
import { kernelFormats } from '../kernels/formats.ts';
import type { Gpu } from './gpu.ts';
import { GpuMatmul } from './gpu-matmul.ts';
import { MappingDelay } from './mapping-delay.ts';
import { type GpuClock, Readback } from './readback.ts';
import { rowProducts } from './wgsl/row-products.ts';

/** Enough for a mapping delay to settle. */
const syncRounds = 24;
/** Products of a short and of a long run: what their difference takes is products alone. */
const runs = [1, 5] as const;
const runRounds = 3;
/** About the matrix of a layer of a small model; its rows keep any home's GPU busy. */
const probeShape = { rows: 8192, columns: 2048 } as const;

/**
 * Milliseconds from the submission of hardly any work until what comes of it is here: what each sync with the GPU costs
 * beyond its work. The median of the later rounds; the first have to find out when to ask.
 * @throws HearthError GPU_LOST
 */
export async function measureSync(gpu: Gpu, clock: GpuClock): Promise<number> {
  const source = gpu.storage(256);
  const readback = new Readback(gpu, clock, 256);
  const delay = new MappingDelay();
  const times: number[] = [];
  for (let round = 0; round < syncRounds; round += 1) {
    const beganMs = clock.nowMs();
    const encoder = gpu.device.createCommandEncoder();
    encoder.clearBuffer(source);
    readback.submit(encoder, source, 256);
    await readback.take(256, delay);
    times.push(clock.nowMs() - beganMs);
  }
  readback.close();
  source.destroy();
  return medianOf(times.slice(syncRounds / 2));
}

/**
 * Bytes of weights that one token's products go through in a second.
 * @throws HearthError GPU_LOST
 */
export async function measureProduct(gpu: Gpu, clock: GpuClock, format: KernelFormatName): Promise<number> {
  const { rows, columns } = probeShape;
  const packed = new Uint32Array(kernelFormats[format].packedBytes(rows, columns) / 4);
  // Small numbers, so that no product takes the way of zeros.
  for (let i = 0; i < packed.length; i += 1) packed[i] = Math.imul(i, 0x9e3779b1) & 0x3f7f3f7f;
  const product = new GpuMatmul(gpu, rowProducts[format]!, packed, rows, columns, 1);
  const readback = new Readback(gpu, clock, product.outputBytes);
  const timeOf = async (products: number): Promise<number> => {
    const beganMs = clock.nowMs();
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < products; i += 1) product.encode(encoder, 1);
    readback.submit(encoder, product.output, product.outputBytes);
    await readback.take(product.outputBytes, new MappingDelay());
    return clock.nowMs() - beganMs;
  };
  await timeOf(1);
  const times: number[][] = [[], []];
  for (let round = 0; round < runRounds; round += 1)
    for (const [i, products] of runs.entries()) times[i]!.push(await timeOf(products));
  product.close();
  readback.close();
  const [short, long] = times.map((own) => Math.min(...own));
  const milliseconds = Math.max(1e-3, long! - short!);
  return ((runs[1] - runs[0]) * packed.byteLength * 1000) / milliseconds;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
