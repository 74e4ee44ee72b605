import type { GgufTensor } from '../gguf/layout.ts';
import type { FileVersion } from '../gguf/source.ts';
import type { TensorFile } from '../gguf/tensor-file.ts';
import { TileCutter } from '../tile/cut.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { ModelDescription } from './description.ts';
import { architectureNamed } from './registry.ts';

/**
 * Where a model is and what its tensors are, without its vocabulary: all that another thread needs to open it again for
 * its tiles. It can be posted there as it is.
 */
export interface ModelPlace {
  /** The parts of its file. */
  readonly files: readonly FileVersion[];
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly architecture: string;
  readonly description: ModelDescription;
}

/** A model that can be cut into tiles. */
export class TileModel {
  readonly description: ModelDescription;
  /** Undefined where it is no file of this machine. */
  readonly place: ModelPlace | undefined;
  readonly #file: TensorFile;
  readonly #cutter: TileCutter;

  /**
   * @param file is taken over: closing the model closes it
   * @param files the parts of that file, if it is one
   */
  constructor(
    file: TensorFile,
    architecture: string,
    description: ModelDescription,
    files: readonly FileVersion[] | undefined,
  ) {
    this.description = description;
    this.place = files && { files, tensors: file.tensors, architecture, description };
    this.#file = file;
    this.#cutter = new TileCutter(file, architectureNamed(architecture), description);
  }

  /**
   * A tile's bytes, in the kernels' layout; cheapest in the order of `tiles`.
   * @param target where to put them: `tile.byteLength` zeros, by default new ones
   */
  async cutTile(tile: TileSpec, target: Uint8Array = new Uint8Array(tile.byteLength)): Promise<Uint8Array> {
    await this.#cutter.cut(tile, target);
    return target;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
