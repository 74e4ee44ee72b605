import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type Kernels, loadKernels } from '../../runtime/kernels/kernels.ts';

const read = (build: string) =>
  readFileSync(new URL(`../../dist/assembly/kernels.${build}.wasm`, import.meta.url));
export const kernelBytes = { relaxed: read('relaxed'), baseline: read('baseline') };

const builds = ['relaxed', 'baseline'] as const;
const canaryBytes = 64;
const canary = 0xa5;

/** A memory with kernels in it, in which every buffer stands between canaries. */
export class Workspace {
  readonly kernels: Kernels;
  readonly arena: Arena;
  readonly #canaries: number[] = [];

  constructor(build: (typeof builds)[number]) {
    this.kernels = loadKernels(kernelBytes, { build });
    this.arena = new Arena(this.kernels.memory);
  }

  /** A buffer of NaN (all bits set), so that what a kernel leaves out shows. */
  room(bytes: number): number {
    this.#guard();
    const pointer = this.arena.alloc(bytes, 16);
    this.arena.u8(pointer, bytes).fill(0xff);
    this.#guard();
    return pointer;
  }

  f32(values: ArrayLike<number>): number {
    const pointer = this.room(values.length * 4);
    this.arena.f32(pointer, values.length).set(values);
    return pointer;
  }

  f64(values: ArrayLike<number>): number {
    const pointer = this.room(values.length * 8);
    this.arena.f64(pointer, values.length).set(values);
    return pointer;
  }

  i32(values: ArrayLike<number>): number {
    const pointer = this.room(values.length * 4);
    this.arena.i32(pointer, values.length).set(values);
    return pointer;
  }

  u8(values: ArrayLike<number>): number {
    const pointer = this.room(values.length);
    this.arena.u8(pointer, values.length).set(values);
    return pointer;
  }

  readF32(pointer: number, length: number): Float32Array {
    return this.arena.f32(pointer, length).slice();
  }

  readI32(pointer: number, length: number): Int32Array {
    return this.arena.i32(pointer, length).slice();
  }

  readU8(pointer: number, length: number): Uint8Array {
    return this.arena.u8(pointer, length).slice();
  }

  expectCanaries(): void {
    for (const pointer of this.#canaries) {
      expect(this.arena.u8(pointer, canaryBytes).every((byte) => byte === canary)).toBe(true);
    }
  }

  #guard(): void {
    const pointer = this.arena.alloc(canaryBytes, 1);
    this.arena.u8(pointer, canaryBytes).fill(canary);
    this.#canaries.push(pointer);
  }
}

type Result = Float32Array | Float64Array | Int32Array | Uint8Array;

export function bitsOf(result: Result): Uint8Array {
  return new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
}

export function expectSameBits(a: Result, b: Result): void {
  expect(Buffer.compare(bitsOf(a), bitsOf(b))).toBe(0);
}

/**
 * Runs on both builds in a memory of its own each, expects the same bits and whole canaries, returns the
 * result.
 */
export function onBothBuilds<T extends Result>(run: (workspace: Workspace) => T): T {
  const [relaxed, baseline] = builds.map((build) => {
    const workspace = new Workspace(build);
    const result = run(workspace);
    workspace.expectCanaries();
    return result;
  });
  expectSameBits(relaxed!, baseline!);
  return relaxed!;
}

/** xorshift32: numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** Roughly normal float32 values; refuses to be constant. */
export function seededFloats(seed: number, length: number, deviation = 1): Float32Array {
  const random = seededRandom(seed);
  const values = Float32Array.from(
    { length },
    () => (random() + random() + random() + random() - 2) * deviation * Math.sqrt(3),
  );
  if (length > 1) expect(new Set(values).size).toBeGreaterThan(length / 2);
  return values;
}
