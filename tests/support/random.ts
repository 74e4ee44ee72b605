/**
 * Seeded random numbers for tests, from additions, multiplications and shifts alone: the same on every host.
 * Mulberry32, a 32-bit generator that passes gjrand.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A stream of its own for each name: what one tensor draws does not shift what the next one gets. */
  static named(seed: number, name: string): Random {
    let hash = (0x811c9dc5 ^ seed) >>> 0;
    for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return new Random(hash);
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number in [0, below). */
  integer(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** Nearly normal, mean 0, variance 1: the sum of four 16-bit uniforms, so at most √12 from 0. */
  normal(): number {
    const first = this.uint32();
    const second = this.uint32();
    const sum = (first & 0xffff) + (first >>> 16) + (second & 0xffff) + (second >>> 16);
    return (sum - 2 * 0xffff) * normalScale;
  }

  fillNormal(target: Float32Array, deviation: number): Float32Array {
    for (let i = 0; i < target.length; i += 1) target[i] = this.normal() * deviation;
    return target;
  }
}

/** A uniform over [0, 65535] has variance (65536² − 1) / 12. */
const normalScale = 1 / Math.sqrt((4 * (65536 * 65536 - 1)) / 12);
