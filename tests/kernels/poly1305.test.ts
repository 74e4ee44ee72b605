import { describe, expect, it } from 'vitest';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { reservedBytes } from '../../runtime/kernels/kernels.ts';
import { seededRandom } from './support.ts';

const kernels = startKernels();
kernels.memory.grow(1);
const memory = new Uint8Array(kernels.memory.buffer);
const [work, data] = [reservedBytes, reservedBytes + 1024];
/** In the work area: r and s, and the tag. */
const [rAt, sAt, tagAt] = [64, 80, 192];

const clampBits = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
const prime = 2n ** 130n - 5n;
const largest = 2n ** 128n - 1n;

function write(at: number, value: bigint): void {
  for (let i = 0; i < 16; i += 1) memory[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

/** What is sent through before the lengths: 16 bytes of each. */
const lengthBlock = (blocks: number): bigint => BigInt(16 * blocks) << 64n;

function kernelTag(r: bigint, s: bigint, blocks: readonly bigint[]): bigint {
  kernels.beginAead(work, data, 0);
  write(work + rAt, r);
  write(work + sAt, s);
  for (const [i, block] of blocks.entries()) write(data + 16 * i, block);
  kernels.openChunk(work, data, 16 * blocks.length);
  kernels.endAead(work, 0, 16 * blocks.length);
  return memory
    .slice(work + tagAt, work + tagAt + 16)
    .reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

/** As RFC 8439, 2.5 has it. */
function expectedTag(r: bigint, s: bigint, blocks: readonly bigint[]): bigint {
  const all = [...blocks, lengthBlock(blocks.length)];
  const sum = all.reduce((sum, block) => ((sum + block + 2n ** 128n) * r) % prime, 0n);
  return (sum + s) & largest;
}

describe('Poly1305', () => {
  it('is right of sums about the prime, where all but one of the remainders go', () => {
    for (let above = -3n; above <= 5n; above += 1n) {
      // With r = 1 the sum is that of the blocks: three times 2^128, the first, and the lengths.
      const first = prime + above - 3n * 2n ** 128n - lengthBlock(2);
      expect(first >= 0n && first <= largest).toBe(true);
      expect(kernelTag(1n, 0n, [first, 0n])).toBe(expectedTag(1n, 0n, [first, 0n]));
    }
  });

  it('is right of the largest numbers', () => {
    for (const r of [clampBits, 1n, 0n, 0x0ffffffcn << 96n])
      for (const s of [0n, largest])
        for (const block of [largest, 0n, largest - 0xffffffffn]) {
          const blocks = Array<bigint>(64).fill(block);
          expect(kernelTag(r, s, blocks)).toBe(expectedTag(r, s, blocks));
        }
  });

  it('is right of any numbers', () => {
    const next = seededRandom(11);
    const any = (): bigint =>
      Array.from({ length: 4 }, () => BigInt(Math.floor(next() * 2 ** 32))).reduce(
        (a, b) => (a << 32n) | b,
        0n,
      );
    for (let i = 0; i < 300; i += 1) {
      const [r, s] = [any() & clampBits, any()];
      const blocks = Array.from({ length: i % 40 }, any);
      expect(kernelTag(r, s, blocks)).toBe(expectedTag(r, s, blocks));
    }
  });
});
