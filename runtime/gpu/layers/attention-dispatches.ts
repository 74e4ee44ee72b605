import { type ActivationFormat, activationBytes } from '../../kernels/activations.ts';
import { kvPageBytes } from '../../kernels/kv-page.ts';
import type { TileSpec } from '../../tile/spec.ts';
import { type Dispatch, dispatchOf } from '../dispatch.ts';
import { sectionOf } from '../ffn/ffn-products.ts';
import type { Gpu } from '../gpu.ts';
import { mostOf } from '../tile-bound.ts';
import { addDown, downRows } from '../wgsl/add-down.ts';
import { attention } from '../wgsl/attention.ts';
import { tilePlace } from '../wgsl/ffn-tiles.ts';
import { project, projectedRows, projectionPlace } from '../wgsl/project.ts';
import { padded, quantize, quantizeRun } from '../wgsl/quantize.ts';
import { rope, ropePairs } from '../wgsl/rope.ts';
import { storedPairs, storeKv } from '../wgsl/store-kv.ts';
import { float32Bits } from '../wgsl/text.ts';
import type { AttentionProducts } from './attention-products.ts';
import type { GpuAttentionShape } from './attention-shape.ts';
import type { LayerBuffers } from './layer-buffers.ts';

/** What a layer's attention works in, besides what all layers share. */
export interface AttentionBuffers extends LayerBuffersOfAttention {
  readonly weights: GPUBuffer;
  /** float32 [tokens, KV heads × headDim], positions included. */
  readonly keys: GPUBuffer;
  readonly values: GPUBuffer;
  /** Pages of all KV heads, [heads, pages]. */
  readonly kv: GPUBuffer;
}

/** What layers take turns in. */
export interface LayerBuffersOfAttention {
  /** float32 [tokens, heads × headDim]. */
  readonly queries: GPUBuffer;
  /** float32 [tokens, heads, contextLength]. */
  readonly scores: GPUBuffer;
  /** What attention yields, float32 [tokens, tiles, columns of a tile in whole runs], and quantised. */
  readonly heads: GPUBuffer;
  readonly stream: GPUBuffer;
}

/** Tiles of a layer, and at which byte of its weights each begins. */
export interface TilePlaces {
  readonly specs: readonly TileSpec[];
  readonly offsets: readonly number[];
}

/** One layer's attention, in the order of the steps of `AttentionLayer`. */
export class AttentionDispatches {
  readonly #gpu: Gpu;
  readonly #shape: GpuAttentionShape;
  readonly #shared: LayerBuffers;
  readonly #own: AttentionBuffers;
  readonly #tiles: TilePlaces;

  constructor(
    gpu: Gpu,
    shape: GpuAttentionShape,
    shared: LayerBuffers,
    own: AttentionBuffers,
    tiles: TilePlaces,
  ) {
    this.#gpu = gpu;
    this.#shape = shape;
    this.#shared = shared;
    this.#own = own;
    this.#tiles = tiles;
  }

  /** @param together tokens that an invocation takes */
  all(products: AttentionProducts, together: number): Dispatch[] {
    const { headCount, kvHeadCount } = this.#shape.config;
    const { queries, keys, values } = this.#own;
    return [
      this.#project(products, 'query', queries, headCount, together),
      this.#project(products, 'key', keys, kvHeadCount, together),
      this.#project(products, 'value', values, kvHeadCount, together),
      this.#rotate(queries, headCount),
      this.#rotate(keys, kvHeadCount),
      this.#store(),
      this.#attend(),
      ...this.#add(products, together),
    ];
  }

  #project(
    products: AttentionProducts,
    role: 'query' | 'key' | 'value',
    output: GPUBuffer,
    heads: number,
    together: number,
  ): Dispatch {
    const { config } = this.#shape;
    const { specs, offsets } = this.#tiles;
    const product = products[role];
    const rowsPerKvHead = (heads / config.kvHeadCount) * config.headDim;
    const places = specs.flatMap((spec, i) => {
      const at = (name: typeof role | `${typeof role}Bias`) =>
        (offsets[i]! + sectionOf(spec, name).byteOffset) / 4;
      const hasBias = spec.sections.some((section) => section.role === `${role}Bias`);
      return projectionPlace({
        weights: at(role),
        rows: spec.count * rowsPerKvHead,
        bias: hasBias ? at(`${role}Bias`) : 0,
        column: spec.first * rowsPerKvHead,
      });
    });
    const input = activationBytes(product.activation, this.#shared.inputColumns) / 4;
    const buffers = [
      this.#own.weights,
      this.#gpu.storageOf(Uint32Array.from(places)),
      this.#shared.input(product.activation),
      output,
      this.#gpu.uniform([config.hiddenSize / product.blockColumns, input, heads * config.headDim]),
      this.#shared.call.buffer,
    ];
    const most = Math.max(...specs.map(({ count }) => count)) * rowsPerKvHead;
    return dispatchOf(this.#gpu, project(product, together, this.#gpu.packedDots), buffers, (tokens) => [
      Math.ceil(most / projectedRows),
      Math.ceil(tokens / together),
      specs.length,
    ]);
  }

  #rotate(rows: GPUBuffer, heads: number): Dispatch {
    const { headDim, rope: positions } = this.#shape.config;
    const pairs = positions.dimensions / 2;
    const buffers = [rows, this.#shared.angles, this.#gpu.uniform([headDim, pairs, heads * headDim])];
    return dispatchOf(this.#gpu, rope, buffers, (tokens) => [Math.ceil(pairs / ropePairs), heads, tokens]);
  }

  #store(): Dispatch {
    const { config, kvFormat } = this.#shape;
    const { headDim, kvHeadCount } = config;
    const { keys, values, kv } = this.#own;
    const shape = this.#gpu.uniform([headDim, kvHeadCount, this.#pageWords, this.#headWords]);
    const buffers = [keys, values, this.#shared.seats, kv, shape, this.#shared.call.buffer];
    return dispatchOf(this.#gpu, storeKv(kvFormat), buffers, () => [
      Math.ceil((kvHeadCount * headDim) / 2 / storedPairs),
    ]);
  }

  #attend(): Dispatch {
    const { config, kvFormat, contextLength } = this.#shape;
    const { headDim, headCount } = config;
    const { queries, kv, scores, heads } = this.#own;
    const shape = this.#gpu.uniform([
      headDim,
      this.#group,
      this.#pageWords,
      this.#headWords,
      this.#tileColumns / headDim,
      padded(this.#tileColumns),
      this.#headColumns,
      contextLength,
      // Division and square root are exact on every host.
      float32Bits(1 / Math.sqrt(headDim)),
    ]);
    const buffers = [queries, this.#shared.seats, kv, scores, heads, shape];
    return dispatchOf(this.#gpu, attention(kvFormat), buffers, (tokens) => [headCount, tokens]);
  }

  /** The products with the output matrix. */
  #add({ output }: AttentionProducts, together: number): Dispatch[] {
    const { hiddenSize } = this.#shape.config;
    const { specs, offsets } = this.#tiles;
    const { heads, stream, weights } = this.#own;
    const { scales, sums, call } = this.#shared;
    const places = specs.flatMap((spec, i) => {
      const { byteOffset, columns } = sectionOf(spec, 'attentionOutput');
      return tilePlace({ down: (offsets[i]! + byteOffset) / 4, neurons: columns });
    });
    const tileWords = activationBytes(output.activation, padded(this.#tileColumns)) / 4;
    const adding = dispatchOf(
      this.#gpu,
      addDown(output, together, this.#gpu.packedDots),
      [
        weights,
        this.#gpu.storageOf(Uint32Array.from(places)),
        output.activation === 'f32' ? heads : stream,
        scales,
        sums,
        this.#gpu.uniform([hiddenSize, tileWords, mostOf(specs.length)]),
        call.buffer,
      ],
      (tokens) => [Math.ceil(hiddenSize / downRows), Math.ceil(tokens / together), specs.length],
    );
    return output.activation === 'f32' ? [adding] : [this.#quantize(output.activation), adding];
  }

  #quantize(form: Exclude<ActivationFormat, 'f32'>): Dispatch {
    const { heads, stream } = this.#own;
    const runs = this.#headColumns / quantizeRun;
    return dispatchOf(this.#gpu, quantize(form), [heads, stream], (tokens) => [runs, tokens]);
  }

  /** Query heads of a KV head. */
  get #group(): number {
    const { headCount, kvHeadCount } = this.#shape.config;
    return headCount / kvHeadCount;
  }

  /** Of a tile; the last one may have fewer. */
  get #tileColumns(): number {
    return this.#tiles.specs[0]!.count * this.#group * this.#shape.config.headDim;
  }

  /** From one token's heads to the next one's. */
  get #headColumns(): number {
    return this.#tiles.specs.length * padded(this.#tileColumns);
  }

  get #pageWords(): number {
    return kvPageBytes(this.#shape.config.headDim, this.#shape.kvFormat) / 4;
  }

  get #headWords(): number {
    return this.#shape.kvPages * this.#pageWords;
  }
}
