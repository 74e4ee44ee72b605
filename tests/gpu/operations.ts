import { GpuFfn } from '../../runtime/gpu/ffn/gpu-ffn.ts';
import type { NeuronLimit } from '../../runtime/gpu/ffn/listed-ffn-programs.ts';
import { Gpu } from '../../runtime/gpu/gpu.ts';
import { MappingDelay } from '../../runtime/gpu/mapping-delay.ts';
import { GpuMatmul } from '../../runtime/gpu/rates/gpu-matmul.ts';
import { measureKernel, measureSync } from '../../runtime/gpu/rates/gpu-rates.ts';
import { type GpuClock, Readback } from '../../runtime/gpu/readback.ts';
import { quantize } from '../../runtime/gpu/wgsl/quantize.ts';
import { rowProducts } from '../../runtime/gpu/wgsl/row-products.ts';
import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { FfnActivation } from '../../runtime/model/config.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import { arithmeticProgram } from './arithmetic-program.ts';
import { type LogitsJob, lentLogits } from './lent-logits.ts';

type Words = Uint32Array<ArrayBuffer>;

/** What tests have a GPU compute, in this process or in a page. All arguments and results can be sent. */
export const operations = {
  /** One function of `binary32` on each pair. */
  async arithmetic(gpu: Gpu, { expression, a, b }: { expression: string; a: Words; b: Words }) {
    const results = gpu.storage(a.byteLength);
    const pipeline = gpu.pipeline(arithmeticProgram(expression));
    const group = gpu.bind(pipeline, [gpu.storageOf(a), gpu.storageOf(b), results]);
    return dispatch(gpu, pipeline, group, results, [Math.ceil(a.length / 64)], a.byteLength);
  },

  /** Any program that binds storage buffers, and then one of numbers. */
  async program(gpu: Gpu, { code, buffers, shape, call, groups, output }: ProgramJob) {
    const pipeline = gpu.pipeline(code);
    const stored = buffers.map((words) => gpu.storageOf(words));
    const numbers = call ? [shape, call] : [shape];
    const group = gpu.bind(pipeline, [...stored, ...numbers.map((own) => gpu.uniform(own))]);
    return dispatch(gpu, pipeline, group, stored[output]!, groups, buffers[output]!.byteLength);
  },

  async matmul(gpu: Gpu, job: MatmulJob) {
    const { format, rows, columns, tokens, packed, input } = job;
    const product = new GpuMatmul(gpu, rowProducts[format]!, packed, rows, columns, tokens);
    gpu.device.queue.writeBuffer(product.input, 0, input);
    const encoder = gpu.device.createCommandEncoder();
    product.encode(encoder, tokens);
    const words = await readBack(gpu, encoder, product.output, tokens * product.outputBytes);
    product.close();
    return words;
  },

  /** Runs of 256 values. */
  async quantize(gpu: Gpu, { format, values }: { format: 'q8' | 'q8k'; values: Words }) {
    const runs = values.length / 256;
    const bytes = runs * (format === 'q8' ? 8 * 64 : 352);
    const stream = gpu.storage(bytes);
    const pipeline = gpu.pipeline(quantize(format));
    const group = gpu.bind(pipeline, [gpu.storageOf(values), stream]);
    return dispatch(gpu, pipeline, group, stream, [runs], bytes);
  },

  /** Flags, fine sums and coarse sums. */
  async ffn(gpu: Gpu, job: FfnJob) {
    const { tokens, input, scales } = job;
    const ffn = layerOf(gpu, job);
    ffn.begin(0, job.tiles.length, tokens, input, scales);
    const { flags, fine, coarse } = await ffn.sums(tokens);
    ffn.close();
    return { flags, fine: fine.slice(), coarse: coarse.slice() };
  },

  /** Names of what went wrong when a GPU is taken away in the middle. */
  async loss(gpu: Gpu, job: FfnJob) {
    const { tokens, input, scales } = job;
    const ffn = layerOf(gpu, job);
    ffn.begin(0, job.tiles.length, tokens, input, scales);
    const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error);
    const result = ffn.sums(tokens).then(() => 'computed', codeOf);
    gpu.device.destroy();
    const during = await result;
    await gpu.device.lost;
    let after = 'begun';
    try {
      ffn.begin(0, job.tiles.length, tokens, input, scales);
    } catch (error) {
      after = codeOf(error);
    }
    return { during, after };
  },

  /** Logits of a whole model, some of whose FFN tiles are computed here. */
  logits: (gpu: Gpu, job: LogitsJob) => lentLogits(gpu, clock, job),

  /** What is measured when a device joins. */
  async rates(gpu: Gpu, { format }: { format: KernelFormatName }) {
    return {
      syncMs: await measureSync(gpu, clock),
      ...(await measureKernel(gpu, clock, format)),
    };
  },

  async adapter(gpu: Gpu) {
    const { maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = gpu.device.limits;
    return { packedDots: gpu.packedDots, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage };
  },
} satisfies Record<string, (gpu: Gpu, job: never) => Promise<unknown>>;

export interface ProgramJob {
  readonly code: string;
  readonly buffers: readonly Words[];
  readonly shape: readonly number[];
  /** See `GpuCall`: tokens, and a number; of programs that are part of one. */
  readonly call?: readonly number[];
  /** Workgroups in each direction. */
  readonly groups: readonly number[];
  /** The buffer that comes back. */
  readonly output: number;
}

export interface MatmulJob {
  readonly format: KernelFormatName;
  readonly rows: number;
  readonly columns: number;
  readonly tokens: number;
  readonly packed: Words;
  readonly input: Words;
}

export interface FfnJob {
  readonly hiddenSize: number;
  readonly activation: FfnActivation;
  readonly tokens: number;
  readonly tileCount: number;
  readonly tiles: readonly { readonly spec: TileSpec; readonly bytes: Uint8Array<ArrayBuffer> }[];
  readonly input: Uint8Array<ArrayBuffer>;
  readonly scales: Uint8Array<ArrayBuffer>;
  readonly choice: NeuronLimit;
  /** By default what the device allows. */
  readonly bindingBytes?: number;
}

export type Operations = typeof operations;

/** A GPU that holds a job's tiles as layer 0. */
function layerOf(gpu: Gpu, job: FfnJob): GpuFfn {
  const { hiddenSize, activation, tokens, tileCount, tiles, choice, bindingBytes } = job;
  const within = bindingBytes === undefined ? gpu : new Gpu(gpu.device, gpu.packedDots, bindingBytes);
  const ffn = new GpuFfn(within, clock, {
    hiddenSize,
    activation,
    maxTokens: tokens,
    maxTiles: tiles.length,
  });
  ffn.hold(0, { tiles, tileCount, choice });
  return ffn;
}

const clock: GpuClock = {
  nowMs: () => performance.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

function dispatch(
  gpu: Gpu,
  pipeline: GPUComputePipeline,
  group: GPUBindGroup,
  source: GPUBuffer,
  groups: readonly number[],
  bytes: number,
): Promise<Uint32Array> {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(groups[0]!, groups[1], groups[2]);
  pass.end();
  return readBack(gpu, encoder, source, bytes);
}

async function readBack(
  gpu: Gpu,
  encoder: GPUCommandEncoder,
  source: GPUBuffer,
  bytes: number,
): Promise<Uint32Array> {
  const readback = new Readback(gpu, clock, bytes);
  readback.submit(encoder, [{ buffer: source, offset: 0, bytes }]);
  const words = await readback.take(bytes, new MappingDelay());
  readback.close();
  return words;
}
