import { assert } from '../../runtime/error.ts';
import type { TileSpec } from '../../runtime/tile/spec.ts';
import { slotBytes, tileAlignment } from '../../runtime/weights/residency.ts';

/** Remembers of each block of memory which tile it holds. */
export class FakeMemory {
  readonly #blocks = new Map<number, number>();
  /** Every tile that was read, in order. */
  readonly reads: number[] = [];
  readonly #specs: readonly TileSpec[];

  constructor(specs: readonly TileSpec[]) {
    this.#specs = specs;
  }

  read(tile: number, address: number): void {
    assert(address % tileAlignment === 0, 'a disk can be read to there');
    this.reads.push(tile);
    for (const block of this.#range(tile, address)) this.#blocks.set(block, tile);
  }

  holds(tile: number, address: number): boolean {
    return this.#range(tile, address).every((block) => this.#blocks.get(block) === tile);
  }

  /** The largest address that was ever written to, and the smallest. */
  bounds(): readonly [first: number, end: number] {
    const blocks = [...this.#blocks.keys()];
    return [Math.min(...blocks) * tileAlignment, (Math.max(...blocks) + 1) * tileAlignment];
  }

  #range(tile: number, address: number): number[] {
    const blocks = slotBytes(this.#specs[tile]!) / tileAlignment;
    return Array.from({ length: blocks }, (_, i) => address / tileAlignment + i);
  }
}

/** Tiles of random sizes: some layers, then an output head. */
export function randomTiles(random: { integer(below: number): number }, layers: number): TileSpec[] {
  const tiles: Omit<TileSpec, 'id'>[] = [tile('base', -1, 0, 100)];
  const sizes = { attention: size(random), ffn: size(random), vocabulary: size(random) };
  for (let layer = 0; layer < layers; layer += 1) {
    for (const kind of ['attention', 'ffn'] as const) {
      const count = random.integer(5);
      for (let i = 0; i < count; i += 1) tiles.push(tile(kind, layer, i, sizes[kind]));
    }
  }
  const rows = random.integer(6);
  for (let i = 0; i < rows; i += 1) tiles.push(tile('vocabulary', -1, i, sizes.vocabulary));
  return tiles.map((spec, id) => ({ id, ...spec }));
}

function tile(
  kind: TileSpec['kind'],
  layer: number,
  first: number,
  byteLength: number,
): Omit<TileSpec, 'id'> {
  return { kind, layer, first, count: 1, sections: [], byteLength };
}

function size(random: { integer(below: number): number }): number {
  return 64 * (1 + random.integer(400));
}
