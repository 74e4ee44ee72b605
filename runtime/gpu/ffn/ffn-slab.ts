import type { TensorRole } from '../../model/architecture.ts';
import type { Gpu } from '../gpu.ts';
import type { TileBytes } from '../tile-bytes.ts';
import { tilePlace } from '../wgsl/ffn-tiles.ts';

/** Tiles of one layer that lie in one buffer. */
export class FfnSlab {
  readonly tiles: number;
  readonly weights: GPUBuffer;
  /** `TilePlace` of each. */
  readonly places: GPUBuffer;
  readonly #groups = new Map<GPUComputePipeline, GPUBindGroup>();
  readonly #gpu: Gpu;

  constructor(gpu: Gpu, tiles: readonly TileBytes[]) {
    this.#gpu = gpu;
    this.tiles = tiles.length;
    this.weights = gpu.storage(tiles.reduce((sum, { bytes }) => sum + bytes.length, 0));
    let offset = 0;
    const places = tiles.flatMap(({ spec, bytes }) => {
      gpu.device.queue.writeBuffer(this.weights, offset, bytes);
      const word = (role: TensorRole) =>
        (offset + (spec.sections.find((section) => section.role === role)?.byteOffset ?? 0)) / 4;
      const place = tilePlace({
        gate: word('gate'),
        up: word('up'),
        down: word('down'),
        neurons: spec.count,
        scores: word('predictorOutput'),
        bias: word('predictorBias'),
      });
      offset += bytes.length;
      return place;
    });
    this.places = gpu.storageOf(Uint32Array.from(places));
  }

  /** Its weights and places, and then these buffers, as a program's bindings. */
  bind(pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const known = this.#groups.get(pipeline);
    if (known) return known;
    const group = this.#gpu.bind(pipeline, [this.weights, this.places, ...buffers]);
    this.#groups.set(pipeline, group);
    return group;
  }

  destroy(): void {
    this.weights.destroy();
    this.places.destroy();
  }
}

/** Tiles in their order, in runs that fit into a binding. */
export function slabsOf(tiles: readonly TileBytes[], mostBytes: number): TileBytes[][] {
  const slabs: TileBytes[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const tile of tiles) {
    if (bytes + tile.bytes.length > mostBytes) {
      slabs.push([]);
      bytes = 0;
    }
    slabs.at(-1)!.push(tile);
    bytes += tile.bytes.length;
  }
  return slabs;
}
