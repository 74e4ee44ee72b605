import { assert, HearthError } from '../error.ts';
import { checkedExports } from './checked.ts';
import type { KernelExports } from './exports.ts';

/** One instance of the kernels over one memory. Pointers are byte offsets into it. */
export interface Kernels extends KernelExports {
  readonly memory: WebAssembly.Memory;
  /** True for the relaxed-SIMD build: faster, the same bits. */
  readonly relaxed: boolean;
}

/**
 * The builds of `assembly/`: with relaxed SIMD or without, for a memory of one thread or for one that threads share.
 * Whoever has no threads needs no shared builds.
 */
export interface KernelBytes {
  readonly relaxed: Uint8Array;
  readonly baseline: Uint8Array;
  readonly 'relaxed-shared'?: Uint8Array;
  readonly 'baseline-shared'?: Uint8Array;
}

export interface LoadOptions {
  /** Memory to work in, shared by threads or not; by default a new one of one page that may grow. */
  readonly memory?: WebAssembly.Memory;
  /** By default the best build that this engine runs. */
  readonly build?: 'best' | 'relaxed' | 'baseline';
}

/** A memory grows by pages. */
export const memoryPageBytes = 65536;
/** Bytes at the start of a memory that belong to the kernels (their constants). */
export const reservedBytes = 65536;
/** Bytes behind a matrix that kernels may read, whatever they hold: `fetchStrip` asks for whole strips. */
export const readAheadBytes = 4096;
/** A memory is kept one page short of 4 GiB, so that the end of a buffer is never the pointer 0. */
export const maximumMemoryBytes = 65535 * memoryPageBytes;

/**
 * A memory of one page that may grow.
 * @param limitBytes that it can grow to, up to a whole page
 * @param shared whether threads are to share it
 * @throws HearthError MEMORY_EXHAUSTED if this process has no address space for another
 */
export function newMemory(limitBytes = maximumMemoryBytes, shared = false): WebAssembly.Memory {
  const maximum = Math.ceil(Math.min(limitBytes, maximumMemoryBytes) / memoryPageBytes);
  try {
    return new WebAssembly.Memory({ initial: 1, maximum, shared });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HearthError(
      'MEMORY_EXHAUSTED',
      `there is no address space for another memory of ${limitBytes} bytes. Give this device fewer tiles.`,
      { limitBytes },
      error,
    );
  }
}

/**
 * Compiles the best build that this engine can run and starts it over a memory.
 * @throws HearthError KERNEL_UNAVAILABLE where there is no WebAssembly SIMD
 */
export function loadKernels(bytes: KernelBytes, options: LoadOptions = {}): Kernels {
  const wanted = options.build ?? 'best';
  const candidates = wanted === 'best' ? (['relaxed', 'baseline'] as const) : [wanted];
  const memory = options.memory ?? newMemory();
  for (const build of candidates) {
    const code = bytes[isShared(memory) ? (`${build}-shared` as const) : build];
    if (!code || !WebAssembly.validate(new Uint8Array(code))) continue;
    assert(memory.buffer.byteLength >= reservedBytes, 'the memory has at least one page');
    const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(code)), {
      env: { memory },
    });
    const exports = instance.exports as unknown as KernelExports & { init(): void };
    exports.init();
    return { ...checkedExports(exports), memory, relaxed: build === 'relaxed' };
  }
  throw new HearthError(
    'KERNEL_UNAVAILABLE',
    'this engine cannot run the kernels: they need WebAssembly SIMD (Node 20, Chrome 91, Firefox 89, Safari 16.4)',
    { build: wanted },
  );
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}
