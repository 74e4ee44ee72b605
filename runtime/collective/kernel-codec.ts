import { assert } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { malformed } from '../protocol/frame.ts';
import { maxPackedBytes, type PlaneCodec, type Planes } from './plane-codec.ts';

/** The plane codec over WebAssembly kernels: planes stay where they are, only packed bytes are copied. */
export class KernelCodec implements PlaneCodec {
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  /** Packed bytes of the longest plane. */
  readonly #packed: number;
  readonly #packedBytes: number;
  /** int32 [maxValues]: a plane on its way to being added. */
  readonly #addend: number;

  /**
   * @param arena of the kernels' memory; whoever packs a plane keeps it there
   * @param maxValues values of the longest plane
   * @throws HearthError MEMORY_EXHAUSTED
   */
  constructor(kernels: Kernels, arena: Arena, maxValues: number) {
    this.#kernels = kernels;
    this.#arena = arena;
    this.#packedBytes = maxPackedBytes(maxValues);
    this.#packed = arena.alloc(this.#packedBytes);
    this.#addend = arena.alloc(maxValues * 4);
  }

  allocatePlanes(length: number): Planes {
    const fine = this.#arena.alloc(length * 4);
    const coarse = this.#arena.alloc(length * 4);
    // Views last: an allocation may grow the memory, and growing detaches the views made before it.
    return {
      fine: this.#arena.i32(fine, length),
      coarse: this.#arena.i32(coarse, length),
      coarseUsed: false,
    };
  }

  pack(values: Int32Array): Uint8Array {
    const bytes = this.#kernels.packInt32(this.#address(values), this.#packed, values.length);
    return this.#arena.u8(this.#packed, bytes).slice();
  }

  unpack(source: Uint8Array, target: Int32Array): number {
    return this.#unpackTo(this.#address(target), source, target.length);
  }

  unpackAdd(source: Uint8Array, target: Int32Array): number {
    const usedBytes = this.#unpackTo(this.#addend, source, target.length);
    this.#kernels.addInt32(this.#address(target), this.#addend, target.length);
    return usedBytes;
  }

  #unpackTo(target: number, source: Uint8Array, length: number): number {
    const bytes = Math.min(source.length, maxPackedBytes(length));
    this.#arena.u8(this.#packed, bytes).set(source.subarray(0, bytes));
    const usedBytes = this.#kernels.unpackInt32(this.#packed, bytes, target, length);
    if (usedBytes < 0)
      throw malformed(`a payload of ${source.length} bytes holds no ${length} packed integers`);
    return usedBytes;
  }

  #address(values: Int32Array): number {
    assert(values.buffer === this.#kernels.memory.buffer, 'a plane lies in the memory of its codec');
    assert(
      maxPackedBytes(values.length) <= this.#packedBytes,
      'a plane is no longer than its codec was made for',
    );
    return values.byteOffset;
  }
}
