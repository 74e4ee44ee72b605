import { type ActivationFormat, activationBytes } from '../kernels/activations.ts';
import { assert } from '../error.ts';
import type { FfnActivation } from '../model/config.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import { type FfnProducts, ffnProducts } from './ffn-products.ts';
import { ffnCodes } from './ffn-codes.ts';
import { FfnSlab, type FfnTile, slabsOf } from './ffn-slab.ts';
import type { Gpu } from './gpu.ts';
import { MappingDelay, unseenPatienceMs } from './mapping-delay.ts';
import { type GpuClock, Readback } from './readback.ts';
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

/** What a GPU has added up of a layer: the bits that `addPartial` would have added. */
export interface GpuFfnSums {
  /** As `addPartial` returns them. */
  readonly flags: number;
  /** int32 [tokens × hiddenSize], in the tokens' fine and coarse units. */
  readonly fine: Int32Array;
  readonly coarse: Int32Array;
}

/** What is left of a word beside the flags. */
const mostSerial = 2 ** 30 - 1;

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
  /** The most that a value may be: its tile's part of an int32. */
  readonly bound: number;
  readonly slabs: readonly FfnSlab[];
}

/**
 * Neurons of some layers' tiles, on a GPU. A call takes the normed input in the form that the layer's matrices multiply
 * and brings back sums in fixed point; what is between stays on the GPU, in buffers that are made once.
 */
export class GpuFfn {
  readonly #gpu: Gpu;
  readonly #shape: GpuFfnShape;
  readonly #layers = new Map<number, Layer>();
  readonly #input: GPUBuffer;
  readonly #scales: GPUBuffer;
  readonly #neurons: GPUBuffer;
  readonly #hidden: GPUBuffer;
  readonly #sums: GPUBuffer;
  readonly #gatedShape: GPUBuffer;
  readonly #downShape: GPUBuffer;
  readonly #readback: Readback;
  readonly #delays = new Map<number, MappingDelay>();
  #isWarm = false;
  /** Of the call, which comes back with its sums: what a GPU left out shows, whenever its errors are told. */
  #serial = 0;

  constructor(gpu: Gpu, clock: GpuClock, shape: GpuFfnShape) {
    const { hiddenSize, maxTokens, maxTiles } = shape;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#input = gpu.storage(maxTokens * activationBytes('f32', hiddenSize));
    this.#scales = gpu.storage(maxTokens * 16);
    this.#neurons = gpu.storage(maxTokens * maxTiles * ffnTileNeurons * 4);
    this.#hidden = gpu.storage(maxTokens * maxTiles * tileWords('q8') * 4);
    this.#sums = gpu.storage(sumBytes(maxTokens, hiddenSize));
    this.#gatedShape = gpu.uniform([0, 0, 0, 0]);
    this.#downShape = gpu.uniform([0, 0, 0, 0, 0]);
    this.#readback = new Readback(gpu, clock, sumBytes(maxTokens, hiddenSize));
  }

  /**
   * Takes a layer's tiles, all in the same formats, of which `ffnProducts` knows.
   * @param tileCount of all that is added up in the layer, here and elsewhere
   */
  hold(layer: number, tiles: readonly FfnTile[], tileCount: number): void {
    const products = ffnProducts(tiles[0]!.spec);
    assert(products !== undefined && tiles.length <= this.#shape.maxTiles, 'tiles for a GPU', tiles.length);
    const slabs = slabsOf(tiles, this.#gpu.bindingBytes).map((slab) => new FfnSlab(this.#gpu, slab));
    const programs = new Map(
      groupings(this.#shape.maxTokens).map((together) => [together, this.#programs(products, together)]),
    );
    this.#layers.set(layer, { products, programs, bound: mostOf(tileCount), slabs });
  }

  /**
   * Has each program compute once: what a driver compiles late no step is to wait for.
   * @throws HearthError GPU_LOST
   */
  async warmUp(): Promise<void> {
    const { maxTokens, hiddenSize } = this.#shape;
    // One layer of each kind that its programs depend on.
    const kinds = new Map(
      [...this.#layers].map(([layer, { products }]) => [
        `${products.gated.name} ${products.down.name}`,
        layer,
      ]),
    );
    for (const layer of kinds.values()) {
      const { products, slabs } = this.#layers.get(layer)!;
      for (const tokens of new Set([1, Math.min(2, maxTokens)])) {
        const input = new Uint8Array(tokens * activationBytes(products.gated.activation, hiddenSize));
        this.begin(layer, slabs[0]!.tiles, tokens, input, new Uint8Array(tokens * 16));
        await this.sums(tokens);
      }
    }
    this.#isWarm = true;
  }

  /**
   * Starts the first tiles of a layer for some tokens; `sums` brings what comes of it. Both views are read before it
   * returns.
   * @param tiles how many, at most all that are held
   * @param input the tokens' activations, in the form of the layer's gate
   * @param scales of `rmsNorm`, float32 [tokens, 4]
   * @throws HearthError GPU_LOST
   */
  begin(
    layer: number,
    tiles: number,
    tokens: number,
    input: Uint8Array<ArrayBuffer>,
    scales: Uint8Array<ArrayBuffer>,
  ): void {
    this.#gpu.check();
    const held = this.#layers.get(layer)!;
    const { gated, down } = held.products;
    const { hiddenSize } = this.#shape;
    const { queue } = this.#gpu.device;
    queue.writeBuffer(this.#input, 0, input);
    queue.writeBuffer(this.#scales, 0, scales);
    const stride = activationBytes(gated.activation, hiddenSize) / 4;
    queue.writeBuffer(this.#gatedShape, 0, Uint32Array.of(hiddenSize / gated.blockColumns, tokens, stride));
    this.#serial = (this.#serial + 1) & mostSerial;
    const words = tileWords(down.activation);
    queue.writeBuffer(
      this.#downShape,
      0,
      Uint32Array.of(hiddenSize, tokens, words, held.bound, this.#serial),
    );
    const encoder = this.#gpu.device.createCommandEncoder();
    encoder.clearBuffer(this.#sums, 0, sumBytes(tokens, hiddenSize));
    const pass = encoder.beginComputePass();
    let first = 0;
    for (const slab of held.slabs) {
      const count = Math.min(slab.tiles, tiles - first);
      if (count > 0) this.#encode(pass, slab, count, held, tokens);
      first += slab.tiles;
    }
    pass.end();
    this.#readback.submit(encoder, this.#sums, sumBytes(tokens, hiddenSize));
  }

  /** What the call of `begin` has added up. @throws HearthError GPU_LOST */
  async sums(tokens: number): Promise<GpuFfnSums> {
    const { hiddenSize } = this.#shape;
    const words = await this.#readback.take(sumBytes(tokens, hiddenSize), this.#delayOf(tokens));
    const values = tokens * hiddenSize;
    if (words[0]! >>> 2 !== this.#serial) throw this.#gpu.fail('it left out what it was given to compute');
    return {
      flags: words[0]! & 3,
      fine: new Int32Array(words.buffer, 4, values),
      coarse: new Int32Array(words.buffer, 4 + values * 4, values),
    };
  }

  /** @param tiles of the slab, the first ones */
  #encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, layer: Layer, tokens: number): void {
    const together = tokenGroups(tokens);
    const { neurons, quantizing, adding } = layer.programs.get(together)!;
    const groups = Math.ceil(tokens / together);
    pass.setPipeline(neurons);
    pass.setBindGroup(0, slab.bind(neurons, [this.#input, this.#neurons, this.#gatedShape]));
    pass.dispatchWorkgroups(ffnTileNeurons / neuronsTogether, groups, tiles);
    if (quantizing) {
      pass.setPipeline(quantizing.pipeline);
      pass.setBindGroup(0, quantizing.group);
      pass.dispatchWorkgroups(tiles, tokens);
    }
    const hidden = quantizing ? this.#hidden : this.#neurons;
    pass.setPipeline(adding);
    pass.setBindGroup(0, slab.bind(adding, [hidden, this.#scales, this.#sums, this.#downShape]));
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

  /** One for about so many tokens, since the work is in proportion. */
  #delayOf(tokens: number): MappingDelay {
    const size = 32 - Math.clz32(tokens);
    const known = this.#delays.get(size) ?? new MappingDelay(this.#isWarm ? unseenPatienceMs : undefined);
    this.#delays.set(size, known);
    return known;
  }

  close(): void {
    for (const { slabs } of this.#layers.values()) for (const slab of slabs) slab.destroy();
    for (const buffer of [this.#input, this.#scales, this.#neurons, this.#hidden, this.#sums])
      buffer.destroy();
    this.#readback.close();
  }
}

/** Words of a tile's neurons in the form that down multiplies. */
function tileWords(activation: ActivationFormat): number {
  return activationBytes(activation, ffnTileNeurons) / 4;
}

function sumBytes(tokens: number, hiddenSize: number): number {
  return 4 + 2 * tokens * hiddenSize * 4;
}

/** A value's part of an int32 as `addPartial` takes it: the largest float32 that is no more. */
function mostOf(tileCount: number): number {
  const bound = Math.floor((2 ** 31 - 1) / tileCount);
  const rounded = Math.fround(bound);
  if (rounded <= bound) return rounded;
  const [bits] = new Uint32Array(Float32Array.of(rounded).buffer);
  return new Float32Array(Uint32Array.of(bits! - 1).buffer)[0]!;
}
