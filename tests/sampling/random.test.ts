import { describe, expect, it } from 'vitest';
import { Random } from '../../runtime/sampling/random.ts';

describe('Random', () => {
  it('is xoshiro128** 1.1 filled by splitmix64', () => {
    for (const seed of [0, 42, Number.MAX_SAFE_INTEGER]) {
      const random = new Random(seed);
      const draws = Array.from({ length: 20 }, () => random.nextUint32());
      expect(draws).toEqual(referenceDraws(BigInt(seed), 20));
    }
  });

  it('starts splitmix64 from its published vector', () => {
    // The first two outputs for state 1234567 are 6457827717110365317 and 3203168211198807973.
    const random = new Random(1234567);
    const s1 = Number(6457827717110365317n >> 32n);
    expect(random.nextUint32()).toBe(starStar(s1));
  });

  it('fills [0, 1) evenly', () => {
    const random = new Random(7);
    const bins = new Array<number>(16).fill(0);
    const count = 64_000;
    for (let i = 0; i < count; i++) bins[Math.floor(random.nextUnit() * 16)]!++;
    const chiSquare = bins.reduce((sum, bin) => sum + (bin - count / 16) ** 2 / (count / 16), 0);
    // 15 degrees of freedom: 37.7 is exceeded once in a thousand seeds; the seed is fixed.
    expect(chiSquare).toBeLessThan(37.7);
  });

  it('accepts the ends of the seed range', () => {
    for (const seed of [0, 1, Number.MAX_SAFE_INTEGER]) {
      const value = new Random(seed).nextUnit();
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
    }
  });
});

const mask32 = 0xffffffffn;
const mask64 = 0xffffffffffffffffn;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (32n - bits))) & mask32;
}

function starStar(s1: number): number {
  return Number((rotate((BigInt(s1) * 5n) & mask32, 7n) * 9n) & mask32);
}

/** The same generators written again from their papers, all in big integers. */
function referenceDraws(seed: bigint, count: number): number[] {
  let state = seed;
  const splitMix = (): bigint => {
    state = (state + 0x9e3779b97f4a7c15n) & mask64;
    let z = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64;
    return z ^ (z >> 31n);
  };
  const words = [splitMix(), splitMix()].flatMap((word) => [word & mask32, word >> 32n]);
  return Array.from({ length: count }, () => {
    const result = starStar(Number(words[1]!));
    const t = (words[1]! << 9n) & mask32;
    words[2]! ^= words[0]!;
    words[3]! ^= words[1]!;
    words[1]! ^= words[2]!;
    words[0]! ^= words[3]!;
    words[2]! ^= t;
    words[3] = rotate(words[3]!, 11n);
    return result;
  });
}
