import type { KernelFormatName } from '../../kernels/formats.ts';
import { kernelFormats } from '../../kernels/formats.ts';
import type { KernelRates } from '../../plan/profiles.ts';
import type { Gpu } from '../gpu.ts';
import { MappingDelay } from '../mapping-delay.ts';
import { type GpuClock, Readback } from '../readback.ts';
import { rowProducts } from '../wgsl/row-products.ts';
import { GpuMatmul } from './gpu-matmul.ts';

/** Enough for a mapping delay to settle. */
const syncRounds = 24;
/** Products of a short and of a long run: what their difference takes is products alone. */
const runs = [1, 5] as const;
const runRounds = 3;
/** A product that takes longer is told well enough by itself: the device has better to do. */
const slowMs = 50;
/** Of a part of a prompt. */
const batchTokens = 16;
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
    readback.submit(encoder, [{ buffer: source, offset: 0, bytes: 256 }]);
    await readback.take(256, delay);
    times.push(clock.nowMs() - beganMs);
  }
  readback.close();
  source.destroy();
  return medianOf(times.slice(syncRounds / 2));
}

/**
 * What a GPU computes in a second, of one weight type that it knows.
 * @throws HearthError GPU_LOST
 */
export async function measureKernel(
  gpu: Gpu,
  clock: GpuClock,
  format: KernelFormatName,
): Promise<KernelRates> {
  const { rows, columns } = probeShape;
  const packed = new Uint32Array(kernelFormats[format].packedBytes(rows, columns) / 4);
  // Small numbers, so that no product takes the way of zeros.
  for (let i = 0; i < packed.length; i += 1) packed[i] = Math.imul(i, 0x9e3779b1) & 0x3f7f3f7f;
  await gpu.prepare(GpuMatmul.programs(gpu, rowProducts[format]!, batchTokens), clock);
  const product = new GpuMatmul(gpu, rowProducts[format]!, packed, rows, columns, batchTokens);
  try {
    const single = await productsPerSecond(gpu, clock, product, 1);
    const batch = await productsPerSecond(gpu, clock, product, batchTokens);
    return {
      decodeBytesPerSecond: single * packed.byteLength,
      prefillFlopsPerSecond: batch * batchTokens * 2 * rows * columns,
    };
  } finally {
    product.close();
  }
}

/** Of so many tokens each. */
async function productsPerSecond(
  gpu: Gpu,
  clock: GpuClock,
  product: GpuMatmul,
  tokens: number,
): Promise<number> {
  const readback = new Readback(gpu, clock, product.outputBytes);
  const timeOf = async (products: number): Promise<number> => {
    const beganMs = clock.nowMs();
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < products; i += 1) product.encode(encoder, tokens);
    readback.submit(encoder, [{ buffer: product.output, offset: 0, bytes: product.outputBytes }]);
    await readback.take(product.outputBytes, new MappingDelay());
    return clock.nowMs() - beganMs;
  };
  try {
    // A driver compiles the first time.
    await timeOf(1);
    const oneMs = await timeOf(1);
    if (oneMs > slowMs) return 1000 / oneMs;
    const times: number[][] = [[], []];
    for (let round = 0; round < runRounds; round += 1)
      for (const [i, products] of runs.entries()) times[i]!.push(await timeOf(products));
    const [short, long] = times.map((own) => Math.min(...own));
    return ((runs[1] - runs[0]) * 1000) / Math.max(1e-3, long! - short!);
  } finally {
    readback.close();
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
