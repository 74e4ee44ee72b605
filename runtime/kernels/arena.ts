import { assert, HearthError } from '../error.ts';
import { maximumMemoryBytes, memoryPageBytes, readAheadBytes, reservedBytes } from './kernels.ts';

/**
 * Bump allocation in a WebAssembly memory, which grows as needed. Pointers stay valid when it grows; views do
 * not, so they are made when they are needed and never kept.
 */
export class Arena {
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #limitBytes: number;
  #top: number;

  /**
   * @param memory undefined for an arena that only counts: it gives out addresses without end, and no views
   * @param limitBytes what the memory may grow to, the reserved page and what kernels read ahead included
   */
  constructor(memory: WebAssembly.Memory | undefined, limitBytes = maximumMemoryBytes) {
    this.#memory = memory;
    this.#top = reservedBytes;
    this.#limitBytes = Math.min(limitBytes, maximumMemoryBytes);
  }

  /** Bytes in use, the reserved page included. */
  get usedBytes(): number {
    return this.#top;
  }

  /**
   * @returns a pointer to `bytes` bytes; what they hold is not defined
   * @throws HearthError MEMORY_EXHAUSTED
   */
  alloc(bytes: number, align = 64): number {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a byte count', bytes);
    assert(align > 0 && (align & (align - 1)) === 0, 'a power of two', align);
    const pointer = Math.ceil(this.#top / align) * align;
    this.#reserve(pointer + bytes, bytes);
    this.#top = pointer + bytes;
    return pointer;
  }

  /**
   * Makes room for what many small allocations will take: a memory takes its time to grow, however little.
   * @throws HearthError MEMORY_EXHAUSTED
   */
  reserve(bytes: number): void {
    this.#reserve(this.#top + bytes, bytes);
  }

  /** Everything allocated after this call is given back by `release` of what it returns. */
  mark(): number {
    return this.#top;
  }

  release(mark: number): void {
    assert(mark >= reservedBytes && mark <= this.#top, 'a mark below the top', mark, this.#top);
    this.#top = mark;
  }

  u8(pointer: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer, pointer, length);
  }

  i8(pointer: number, length: number): Int8Array {
    return new Int8Array(this.#buffer, pointer, length);
  }

  u16(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.#buffer, pointer, length);
  }

  i32(pointer: number, length: number): Int32Array {
    return new Int32Array(this.#buffer, pointer, length);
  }

  u32(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.#buffer, pointer, length);
  }

  f32(pointer: number, length: number): Float32Array {
    return new Float32Array(this.#buffer, pointer, length);
  }

  f64(pointer: number, length: number): Float64Array {
    return new Float64Array(this.#buffer, pointer, length);
  }

  get #buffer(): ArrayBufferLike {
    assert(this.#memory !== undefined, 'an arena that only counts has no bytes');
    return this.#memory.buffer;
  }

  #reserve(end: number, requestedBytes: number): void {
    if (!this.#memory) return;
    const needed = end + readAheadBytes;
    const missing = needed - this.#memory.buffer.byteLength;
    if (needed <= this.#limitBytes && missing <= 0) return;
    if (needed <= this.#limitBytes && grown(this.#memory, Math.ceil(missing / memoryPageBytes))) return;
    throw new HearthError(
      'MEMORY_EXHAUSTED',
      `${requestedBytes} bytes more do not fit: ${this.#top} of ${this.#limitBytes} bytes are in use. ` +
        'Give this device fewer tiles, fewer sequences or a shorter context.',
      { requestedBytes, usedBytes: this.#top, limitBytes: this.#limitBytes },
    );
  }
}

function grown(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages);
    return true;
  } catch (error) {
    // The engine's own limit, or the machine's memory: a RangeError by the specification.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
