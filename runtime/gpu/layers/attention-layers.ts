import { assert } from '../../error.ts';
import { activationBytes } from '../../kernels/activations.ts';
import { kvPageBytes } from '../../kernels/kv-page.ts';
import { type Dispatch, encode } from '../dispatch.ts';
import type { Gpu } from '../gpu.ts';
import type { TileBytes } from '../tile-bytes.ts';
import { groupings, tokenGroups } from '../token-groups.ts';
import { padded } from '../wgsl/quantize.ts';
import {
  type AttentionBuffers,
  AttentionDispatches,
  type LayerBuffersOfAttention,
} from './attention-dispatches.ts';
import { attentionProducts } from './attention-products.ts';
import type { GpuAttentionShape } from './attention-shape.ts';
import type { LayerBuffers } from './layer-buffers.ts';

interface Layer {
  readonly buffers: AttentionBuffers;
  /** By how many tokens their programs take together. */
  readonly dispatches: ReadonlyMap<number, readonly Dispatch[]>;
}

/** Attention of some layers with all of their heads: from the normed residual to sums in fixed point. */
export class AttentionLayers {
  readonly #gpu: Gpu;
  readonly #shape: GpuAttentionShape;
  readonly #shared: LayerBuffers;
  readonly #turns: LayerBuffersOfAttention;
  readonly #layers = new Map<number, Layer>();
  readonly #pageBytes: number;

  constructor(gpu: Gpu, shape: GpuAttentionShape, shared: LayerBuffers) {
    const { config, maxTokens, contextLength, kvFormat } = shape;
    const { headDim, headCount, kvHeadCount } = config;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#shared = shared;
    this.#pageBytes = kvPageBytes(headDim, kvFormat);
    // As wide as if each KV head were a tile.
    const columns = kvHeadCount * padded((headCount / kvHeadCount) * headDim);
    this.#turns = {
      queries: gpu.storage(maxTokens * headCount * headDim * 4),
      scores: gpu.storage(maxTokens * headCount * contextLength * 4),
      heads: gpu.storage(maxTokens * columns * 4),
      stream: gpu.storage(maxTokens * activationBytes('q8', columns)),
    };
  }

  /** Takes all tiles of a layer, of which `attentionProducts` knows, and which one binding can hold. */
  hold(layer: number, tiles: readonly TileBytes[]): void {
    const gpu = this.#gpu;
    const { config, maxTokens, kvPages } = this.#shape;
    const products = attentionProducts(tiles[0]!.spec);
    assert(products !== undefined, 'attention tiles for a GPU', layer);
    let byteLength = 0;
    const offsets = tiles.map(({ bytes }) => {
      byteLength += bytes.length;
      return byteLength - bytes.length;
    });
    const rowsBytes = maxTokens * config.kvHeadCount * config.headDim * 4;
    const buffers = {
      ...this.#turns,
      weights: gpu.storage(byteLength),
      keys: gpu.storage(rowsBytes),
      values: gpu.storage(rowsBytes),
      kv: gpu.storage(config.kvHeadCount * kvPages * this.#pageBytes),
    };
    for (const [i, { bytes }] of tiles.entries())
      gpu.device.queue.writeBuffer(buffers.weights, offsets[i]!, bytes);
    const places = { specs: tiles.map(({ spec }) => spec), offsets };
    const dispatches = new AttentionDispatches(gpu, this.#shape, this.#shared, buffers, places);
    this.#layers.set(layer, {
      buffers,
      dispatches: new Map(
        groupings(maxTokens).map((together) => [together, dispatches.all(products, together)]),
      ),
    });
  }

  encode(pass: GPUComputePassEncoder, layer: number, tokens: number): void {
    encode(pass, this.#layers.get(layer)!.dispatches.get(tokenGroups(tokens))!, tokens);
  }

  /** Where K, positions included, and V of the call's tokens are, float32 [tokens, KV heads × headDim]. */
  rows(layer: number): readonly [keys: GPUBuffer, values: GPUBuffer] {
    const { keys, values } = this.#layers.get(layer)!.buffers;
    return [keys, values];
  }

  /** A page of a KV head that was computed elsewhere. */
  writePage(layer: number, head: number, page: number, bytes: Uint8Array<ArrayBuffer>): void {
    const at = (head * this.#shape.kvPages + page) * this.#pageBytes;
    this.#gpu.device.queue.writeBuffer(this.#layers.get(layer)!.buffers.kv, at, bytes);
  }

  close(): void {
    const { queries, scores, heads, stream } = this.#turns;
    for (const buffer of [queries, scores, heads, stream]) buffer.destroy();
    for (const { buffers } of this.#layers.values())
      for (const buffer of [buffers.weights, buffers.keys, buffers.values, buffers.kv]) buffer.destroy();
  }
}
