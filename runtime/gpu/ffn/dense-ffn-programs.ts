import { type ActivationFormat, activationBytes } from '../../kernels/activations.ts';
import { ffnTileNeurons } from '../../tile/spec.ts';
import { encodeOne } from '../dispatch.ts';
import type { Gpu } from '../gpu.ts';
import { mostOf } from '../tile-bound.ts';
import { groupings, tokenGroups } from '../token-groups.ts';
import { downRows } from '../wgsl/add-down.ts';
import { neuronsTogether } from '../wgsl/gated-neurons.ts';
import { denseCodes } from './ffn-codes.ts';
import type { DenseProducts } from './ffn-products.ts';
import type { FfnBuffers, FfnPrograms, FfnScratch, GpuFfnShape } from './ffn-programs.ts';
import type { FfnSlab } from './ffn-slab.ts';

/** What computes a layer, one token or several together. */
interface Pipelines {
  readonly neurons: GPUComputePipeline;
  readonly quantizing: { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup } | undefined;
  readonly adding: GPUComputePipeline;
}

/** All neurons of a layer's tiles. */
export class DenseFfnPrograms implements FfnPrograms {
  readonly #gpu: Gpu;
  readonly #shape: GpuFfnShape;
  readonly #buffers: FfnBuffers;
  readonly #scratch: FfnScratch;
  readonly #input: GPUBuffer;
  /** By how many tokens they take together. */
  readonly #pipelines: ReadonlyMap<number, Pipelines>;
  readonly #gatedShape: GPUBuffer;
  readonly #downShape: GPUBuffer;

  /** @param tileCount of all that is added up in the layer, here and elsewhere */
  constructor(
    gpu: Gpu,
    shape: GpuFfnShape,
    buffers: FfnBuffers,
    scratch: FfnScratch,
    products: DenseProducts,
    tileCount: number,
  ) {
    const { gate, down } = products;
    const { hiddenSize, maxTokens } = shape;
    const stride = activationBytes(gate.activation, buffers.inputColumns) / 4;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#buffers = buffers;
    this.#scratch = scratch;
    this.#input = buffers.input(gate.activation);
    this.#pipelines = new Map(
      groupings(maxTokens).map((together) => [together, this.#pipelinesOf(products, together)]),
    );
    this.#gatedShape = gpu.uniform([hiddenSize / gate.blockColumns, stride]);
    this.#downShape = gpu.uniform([hiddenSize, tileWords(down.activation), mostOf(tileCount)]);
  }

  encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, tokens: number): void {
    const { scales, sums, call } = this.#buffers;
    const together = tokenGroups(tokens);
    const { neurons, quantizing, adding } = this.#pipelines.get(together)!;
    const groups = Math.ceil(tokens / together);
    const gated = [this.#input, this.#scratch.neurons, this.#gatedShape, call.buffer];
    encodeOne(pass, neurons, slab.bind(neurons, gated), ffnTileNeurons / neuronsTogether, groups, tiles);
    if (quantizing) encodeOne(pass, quantizing.pipeline, quantizing.group, tiles, tokens);
    const hidden = quantizing ? this.#scratch.hidden : this.#scratch.neurons;
    const added = slab.bind(adding, [hidden, scales, sums, this.#downShape, call.buffer]);
    encodeOne(pass, adding, added, Math.ceil(this.#shape.hiddenSize / downRows), groups, tiles);
  }

  #pipelinesOf(products: DenseProducts, together: number): Pipelines {
    const gpu = this.#gpu;
    const [neurons, adding, quantizing] = denseCodes(gpu, products, this.#shape.activation, together);
    return {
      neurons: gpu.pipeline(neurons),
      quantizing: quantizing === undefined ? undefined : this.#quantizing(quantizing),
      adding: gpu.pipeline(adding),
    };
  }

  #quantizing(code: string): Pipelines['quantizing'] {
    const pipeline = this.#gpu.pipeline(code);
    const { neurons, hidden } = this.#scratch;
    return { pipeline, group: this.#gpu.bind(pipeline, [neurons, hidden]) };
  }

  close(): void {
    this.#gatedShape.destroy();
    this.#downShape.destroy();
  }
}

/** Words of a tile's neurons in the form that down multiplies. */
function tileWords(activation: ActivationFormat): number {
  return activationBytes(activation, ffnTileNeurons) / 4;
}
