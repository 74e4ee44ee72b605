import { type ActivationFormat, activationBytes } from '../kernels/activations.ts';
import { assert } from '../error.ts';
import type { FfnActivation } from '../model/config.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import { type FfnProducts, ffnProducts } from './ffn-products.ts';
import { ffnCodes } from './ffn-codes.ts';
import { FfnSlab, slabsOf } from './ffn-slab.ts';
import type { Gpu } from './gpu.ts';
import type { GpuCall } from './gpu-call.ts';
import { mostOf } from './tile-bound.ts';
import type { TileBytes } from './tile-bytes.ts';
import { groupings, tokenGroups } from './token-groups.ts';
import { downRows } from './wgsl/add-down.ts';
import { neuronsTogether } from './wgsl/gated-neurons.ts';

export interface GpuFfnShape {
  readonly hiddenSize: number;
  readonly activation: FfnActivation;
  /** Most tokens of a call. */
  readonly maxTokens: number;
  /** Most tiles of a layer. */
  readonly maxTiles: number;
}

/** Whose buffers they are read from and added to. */
export interface FfnBuffers {
  readonly call: GpuCall;
  /** Tokens in the form that gates multiply. */
  readonly input: (form: ActivationFormat) => GPUBuffer;
  /** Columns from one token of the input to the next one. */
  readonly inputColumns: number;
  /** Of `rmsNorm`. */
  readonly scales: GPUBuffer;
  /** As of `addDown`. */
  readonly sums: GPUBuffer;
}

/** What computes a layer, one token or several together. */
interface Programs {
  readonly neurons: GPUComputePipeline;
  readonly quantizing: { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup } | undefined;
  readonly adding: GPUComputePipeline;
}

interface Layer {
  readonly products: FfnProducts;
  /** By how many tokens they take together. */
  readonly programs: ReadonlyMap<number, Programs>;
  readonly gatedShape: GPUBuffer;
  readonly downShape: GPUBuffer;
  readonly slabs: readonly FfnSlab[];
}

/** Neurons of some layers' tiles, in buffers that are made once: from an input to sums in fixed point. */
export class FfnLayers {
  readonly #gpu: Gpu;
  readonly #shape: GpuFfnShape;
  readonly #buffers: FfnBuffers;
  readonly #layers = new Map<number, Layer>();
  readonly #neurons: GPUBuffer;
  readonly #hidden: GPUBuffer;

  constructor(gpu: Gpu, shape: GpuFfnShape, buffers: FfnBuffers) {
    const { maxTokens, maxTiles } = shape;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#buffers = buffers;
    this.#neurons = gpu.storage(maxTokens * maxTiles * ffnTileNeurons * 4);
    this.#hidden = gpu.storage(maxTokens * maxTiles * tileWords('q8') * 4);
  }

  /**
   * Takes a layer's tiles, all in the same formats, of which `ffnProducts` knows.
   * @param tileCount of all that is added up in the layer, here and elsewhere
   */
  hold(layer: number, tiles: readonly TileBytes[], tileCount: number): void {
    const products = ffnProducts(tiles[0]!.spec);
    assert(products !== undefined && tiles.length <= this.#shape.maxTiles, 'tiles for a GPU', tiles.length);
    const { gated, down } = products;
    const { hiddenSize, maxTokens } = this.#shape;
    const stride = activationBytes(gated.activation, this.#buffers.inputColumns) / 4;
    this.#layers.set(layer, {
      products,
      programs: new Map(
        groupings(maxTokens).map((together) => [together, this.#programs(products, together)]),
      ),
      gatedShape: this.#gpu.uniform([hiddenSize / gated.blockColumns, stride]),
      downShape: this.#gpu.uniform([hiddenSize, tileWords(down.activation), mostOf(tileCount)]),
      slabs: slabsOf(tiles, this.#gpu.bindingBytes).map((slab) => new FfnSlab(this.#gpu, slab)),
    });
  }

  /** What gates and ups of a layer are multiplied by. */
  activationOf(layer: number): ActivationFormat {
    return this.#layers.get(layer)!.products.gated.activation;
  }

  /** One layer of each kind that programs depend on. */
  get kinds(): readonly number[] {
    const kinds = [...this.#layers].map(
      ([layer, { products }]) => [`${products.gated.name} ${products.down.name}`, layer] as const,
    );
    return [...new Map(kinds).values()];
  }

  /** The first tiles of a layer, for the tokens of the call. */
  encode(pass: GPUComputePassEncoder, layer: number, tokens: number, tiles = Number.POSITIVE_INFINITY): void {
    const held = this.#layers.get(layer)!;
    let first = 0;
    for (const slab of held.slabs) {
      const count = Math.min(slab.tiles, tiles - first);
      if (count > 0) this.#encode(pass, slab, count, held, tokens);
      first += slab.tiles;
    }
  }

  #encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, layer: Layer, tokens: number): void {
    const { scales, sums, call } = this.#buffers;
    const input = this.#buffers.input(layer.products.gated.activation);
    const together = tokenGroups(tokens);
    const { neurons, quantizing, adding } = layer.programs.get(together)!;
    const groups = Math.ceil(tokens / together);
    pass.setPipeline(neurons);
    pass.setBindGroup(0, slab.bind(neurons, [input, this.#neurons, layer.gatedShape, call.buffer]));
    pass.dispatchWorkgroups(ffnTileNeurons / neuronsTogether, groups, tiles);
    if (quantizing) {
      pass.setPipeline(quantizing.pipeline);
      pass.setBindGroup(0, quantizing.group);
      pass.dispatchWorkgroups(tiles, tokens);
    }
    const hidden = quantizing ? this.#hidden : this.#neurons;
    pass.setPipeline(adding);
    pass.setBindGroup(0, slab.bind(adding, [hidden, scales, sums, layer.downShape, call.buffer]));
    pass.dispatchWorkgroups(Math.ceil(this.#shape.hiddenSize / downRows), groups, tiles);
  }

  #programs(products: FfnProducts, together: number): Programs {
    const gpu = this.#gpu;
    const [neurons, adding, quantizing] = ffnCodes(gpu, products, this.#shape.activation, together);
    return {
      neurons: gpu.pipeline(neurons),
      quantizing: quantizing === undefined ? undefined : this.#quantizing(quantizing),
      adding: gpu.pipeline(adding),
    };
  }

  #quantizing(code: string): Programs['quantizing'] {
    const pipeline = this.#gpu.pipeline(code);
    return { pipeline, group: this.#gpu.bind(pipeline, [this.#neurons, this.#hidden]) };
  }

  close(): void {
    for (const { slabs, gatedShape, downShape } of this.#layers.values()) {
      for (const slab of slabs) slab.destroy();
      gatedShape.destroy();
      downShape.destroy();
    }
    this.#neurons.destroy();
    this.#hidden.destroy();
  }
}

/** Words of a tile's neurons in the form that down multiplies. */
function tileWords(activation: ActivationFormat): number {
  return activationBytes(activation, ffnTileNeurons) / 4;
}
