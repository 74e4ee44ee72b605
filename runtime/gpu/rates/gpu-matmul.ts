import { activationBytes } from '../../kernels/activations.ts';
import { paddedRowCount } from '../../kernels/formats.ts';
import { encodeOne } from '../dispatch.ts';
import type { Gpu } from '../gpu.ts';
import { groupings, tokenGroups } from '../token-groups.ts';
import { matmul, matmulRows } from '../wgsl/matmul.ts';
import type { RowProduct } from '../wgsl/row-product.ts';

/** A packed matrix on a GPU, its input and its output. */
export class GpuMatmul {
  /** Activations of up to `maxTokens` tokens, one after the other, in the form that the matrix wants. */
  readonly input: GPUBuffer;
  /** float32 bits [tokens, padded rows]. */
  readonly output: GPUBuffer;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly #gpu: Gpu;
  readonly #rows: number;
  readonly #shape: GPUBuffer;
  readonly #weights: GPUBuffer;
  readonly #programs: ReadonlyMap<
    number,
    { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup }
  >;

  /** What such a product computes with, for so many tokens at most. */
  static programs(gpu: Gpu, product: RowProduct, maxTokens: number): string[] {
    return groupings(maxTokens).map((together) => matmul(product, together, gpu.packedDots));
  }

  /** @param packed at most 128 MiB */
  constructor(
    gpu: Gpu,
    product: RowProduct,
    packed: Uint32Array<ArrayBuffer>,
    rows: number,
    columns: number,
    maxTokens: number,
  ) {
    this.#gpu = gpu;
    this.#rows = paddedRowCount(rows);
    this.inputBytes = activationBytes(product.activation, columns);
    this.outputBytes = this.#rows * 4;
    this.#weights = gpu.storageOf(packed);
    this.input = gpu.storage(maxTokens * this.inputBytes);
    this.output = gpu.storage(maxTokens * this.outputBytes);
    this.#shape = gpu.uniform([
      this.#rows,
      columns / product.blockColumns,
      0,
      this.inputBytes / 4,
      this.outputBytes / 4,
    ]);
    const buffers = [this.#weights, this.input, this.output, this.#shape];
    const programOf = (together: number) => {
      const pipeline = gpu.pipeline(matmul(product, together, gpu.packedDots));
      return { pipeline, group: gpu.bind(pipeline, buffers) };
    };
    this.#programs = new Map(groupings(maxTokens).map((together) => [together, programOf(together)]));
  }

  /** Multiplies the tokens whose activations are in `input`. */
  encode(encoder: GPUCommandEncoder, tokens: number): void {
    const together = tokenGroups(tokens);
    const { pipeline, group } = this.#programs.get(together)!;
    this.#gpu.device.queue.writeBuffer(this.#shape, 8, Uint32Array.of(tokens));
    const pass = encoder.beginComputePass();
    encodeOne(pass, pipeline, group, Math.ceil(this.#rows / matmulRows), Math.ceil(tokens / together));
    pass.end();
  }

  close(): void {
    for (const buffer of [this.#weights, this.input, this.output, this.#shape]) buffer.destroy();
  }
}
