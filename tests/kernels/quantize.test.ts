import { expect, test } from 'vitest';
import { activationBytes, quantizeActivations } from '../../runtime/kernels/formats.ts';
import { quantizeBlock } from './reference/quantize.ts';
import { onBothBuilds, seededFloats } from './support.ts';

const streamScale = 2 ** 51;

function quantize(format: 'q8' | 'q8k', x: Float32Array, columns: number): Uint8Array {
  const count = x.length / columns;
  return onBothBuilds((workspace) => {
    const bytes = count * activationBytes(format, columns);
    const out = workspace.room(bytes);
    quantizeActivations(workspace.kernels, format, workspace.f32(x), out, columns, count);
    return workspace.readU8(out, bytes);
  });
}

/** Normal values, halves that tie, a block of zeros, one of almost zeros, large and small ones, by blocks. */
function mixedBlocks(columns: number): Float32Array {
  const x = seededFloats(columns, 6 * columns);
  for (let i = 0; i < columns; i++) {
    x[columns + i] = i === 0 ? 127 : (i % 50) - 20.5;
    x[2 * columns + i] = 0;
    x[3 * columns + i] = 1e-30 * (i + 1);
    x[4 * columns + i]! *= 1e20;
    x[5 * columns + i]! *= 1e-18;
  }
  return x;
}

test('q8 streams hold quants, scale and eight times the sum of each block', () => {
  const x = mixedBlocks(32);
  const stream = quantize('q8', x, 96);
  for (let block = 0; block < x.length / 32; block++) {
    const expected = quantizeBlock(x.subarray(block * 32, (block + 1) * 32));
    const view = new DataView(stream.buffer, block * 64, 64);
    expect(new Int8Array(stream.buffer, block * 64, 32)).toEqual(expected.quants);
    const sum = expected.quants.reduce((total, quant) => total + quant, 0);
    for (let lane = 0; lane < 4; lane++) {
      expect(view.getFloat32(32 + 4 * lane, true)).toBe(expected.scale * streamScale);
      expect(view.getInt32(48 + 4 * lane, true)).toBe(8 * sum);
    }
  }
});

test('q8k streams hold quants, sums, scale and what Q6_K takes off', () => {
  const x = mixedBlocks(256);
  const stream = quantize('q8k', x, 512);
  for (let block = 0; block < x.length / 256; block++) {
    const { quants, scale } = quantizeBlock(x.subarray(block * 256, (block + 1) * 256));
    const view = new DataView(stream.buffer, block * 352, 352);
    const sumOf = (first: number, length: number, pick: (k: number) => boolean = () => true): number =>
      quants.subarray(first, first + length).reduce((sum, quant, k) => sum + (pick(k) ? quant : 0), 0);
    expect(new Int8Array(stream.buffer, block * 352, 256)).toEqual(quants);
    for (let s = 0; s < 8; s++) expect(view.getInt16(256 + 2 * s, true)).toBe(sumOf(32 * s, 32));
    for (let lane = 0; lane < 4; lane++) {
      expect(view.getFloat32(272 + 4 * lane, true)).toBe(scale * streamScale);
    }
    for (let unit = 0; unit < 16; unit++) {
      expect(view.getInt16(288 + 4 * unit, true)).toBe(0 - 32 * sumOf(16 * unit, 16, (k) => (k & 2) === 0));
      expect(view.getInt16(290 + 4 * unit, true)).toBe(0 - 32 * sumOf(16 * unit, 16, (k) => (k & 2) !== 0));
    }
  }
});

test.each([
  ['q8', 32],
  ['q8k', 256],
] as const)('%s turns a block that is not finite into zeros with NaN for scale', (format, columns) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const x = seededFloats(3, columns);
    x[columns - 1] = bad;
    const stream = quantize(format, x, columns);
    expect(stream.subarray(0, columns).every((quant) => quant === 0)).toBe(true);
    const scaleAt = format === 'q8' ? 32 : 272;
    expect(new DataView(stream.buffer).getUint32(scaleAt, true)).toBe(0x7fc00000);
  }
});

test('a quant is within half a step of its value', () => {
  const x = seededFloats(12, 32 * 64, 3);
  const stream = quantize('q8', x, 32);
  const view = new DataView(stream.buffer);
  x.forEach((value, i) => {
    const block = Math.floor(i / 32) * 64;
    const scale = view.getFloat32(block + 32, true) / streamScale;
    const error = Math.abs(value - scale * view.getInt8(block + (i % 32)));
    expect(error).toBeLessThanOrEqual(scale * (0.5 + 2 ** -15));
  });
});
