import { assert } from '../../error.ts';
import { type ActivationFormat, activationBytes } from '../../kernels/activations.ts';
import { ffnTileNeurons } from '../../tile/spec.ts';
import type { Gpu } from '../gpu.ts';
import type { TileBytes } from '../tile-bytes.ts';
import { tileListWords } from '../wgsl/neuron-lists.ts';
import { DenseFfnPrograms } from './dense-ffn-programs.ts';
import { type FfnProducts, ffnProducts } from './ffn-products.ts';
import type { FfnBuffers, FfnPrograms, FfnScratch, GpuFfnShape } from './ffn-programs.ts';
import { FfnSlab, slabsOf } from './ffn-slab.ts';
import { ListedFfnPrograms, type NeuronLimit } from './listed-ffn-programs.ts';

/** Tiles of a layer, all in the same formats, of which `ffnProducts` knows. */
export interface LayerTiles {
  readonly tiles: readonly TileBytes[];
  /** Of all that is added up in the layer, here and elsewhere. */
  readonly tileCount: number;
  /** Of neurons in rows. */
  readonly choice: NeuronLimit;
}

interface Layer {
  readonly products: FfnProducts;
  readonly programs: FfnPrograms;
  readonly slabs: readonly FfnSlab[];
}

/** Neurons of some layers' tiles, in buffers that are made once: from an input to sums in fixed point. */
export class FfnLayers {
  readonly #gpu: Gpu;
  readonly #shape: GpuFfnShape;
  readonly #buffers: FfnBuffers;
  readonly #scratch: FfnScratch;
  readonly #layers = new Map<number, Layer>();

  constructor(gpu: Gpu, shape: GpuFfnShape, buffers: FfnBuffers) {
    const tiles = shape.maxTokens * shape.maxTiles;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#buffers = buffers;
    this.#scratch = {
      neurons: gpu.storage(tiles * Math.max(ffnTileNeurons, tileListWords) * 4),
      hidden: gpu.storage(tiles * activationBytes('q8', ffnTileNeurons)),
    };
  }

  hold(layer: number, { tiles, tileCount, choice }: LayerTiles): void {
    const [{ spec }] = tiles as readonly [TileBytes];
    const products = ffnProducts(spec, choice.predictor?.format);
    assert(products !== undefined && tiles.length <= this.#shape.maxTiles, 'tiles for a GPU', tiles.length);
    const place = [this.#gpu, this.#shape, this.#buffers, this.#scratch] as const;
    const programs =
      products.kind === 'dense'
        ? new DenseFfnPrograms(...place, products, tileCount)
        : new ListedFfnPrograms(...place, {
            products,
            recordBytes: spec.records!.stride,
            choice,
            tileCount,
          });
    const slabs = slabsOf(tiles, this.#gpu.bindingBytes).map((slab) => new FfnSlab(this.#gpu, slab));
    this.#layers.set(layer, { products, programs, slabs });
  }

  /** The form of a layer's input. */
  activationOf(layer: number): ActivationFormat {
    return this.#layers.get(layer)!.products.input;
  }

  /** One layer of each kind that programs depend on. */
  get kinds(): readonly number[] {
    const kinds = [...this.#layers].map(([layer, { products }]) => [kindOf(products), layer] as const);
    return [...new Map(kinds).values()];
  }

  /** The first tiles of a layer, for the tokens of the call. */
  encode(pass: GPUComputePassEncoder, layer: number, tokens: number, tiles = Number.POSITIVE_INFINITY): void {
    const { programs, slabs } = this.#layers.get(layer)!;
    programs.begin?.(pass, tokens);
    let first = 0;
    for (const slab of slabs) {
      const count = Math.min(slab.tiles, tiles - first);
      if (count > 0) programs.encode(pass, slab, count, tokens);
      first += slab.tiles;
    }
  }

  close(): void {
    for (const { programs, slabs } of this.#layers.values()) {
      for (const slab of slabs) slab.destroy();
      programs.close();
    }
    this.#scratch.neurons.destroy();
    this.#scratch.hidden.destroy();
  }
}

function kindOf(products: FfnProducts): string {
  const { kind, down } = products;
  const parts = kind === 'dense' ? [products.gate] : [products.predictor, products.choice, products.up];
  return [kind, ...parts.map((part) => part?.name), down.name].join();
}
