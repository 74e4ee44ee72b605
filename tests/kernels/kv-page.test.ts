import { describe, expect, test } from 'vitest';
import {
  kvFormats,
  kvKernels,
  kvPageBytes,
  kvRunBytes,
  kvRunParts,
  pagePositions,
} from '../../runtime/kernels/kv-page.ts';
import { numberToHalf } from './reference/half.ts';
import { quantizeBlock } from './reference/quantize.ts';
import { onBothBuilds, seededFloats, Workspace } from './support.ts';

describe('storeKv', () => {
  const interesting = [
    0,
    -0,
    1,
    -1,
    65504,
    65519.9,
    65520,
    1e30,
    -1e30,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    3 * 2 ** -25,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    2 ** -14 - 2 ** -25,
    1e-40,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    2047.5,
  ];

  test('rounds to the nearest half in every place of a page', () => {
    const headDim = 8;
    const values = Float32Array.from([
      ...interesting,
      ...seededFloats(5, 2 * headDim * pagePositions - interesting.length, 100),
    ]);
    const page = onBothBuilds((workspace) => {
      const pointer = workspace.room(kvPageBytes(headDim, 'f16'));
      const source = workspace.f32(values);
      for (let position = 0; position < pagePositions; position++) {
        const row = source + position * headDim * 8;
        workspace.kernels.storeKvF16(pointer, row, row + headDim * 4, position, headDim);
      }
      return workspace.readU8(pointer, kvPageBytes(headDim, 'f16'));
    });
    const halves = new Uint16Array(page.buffer);
    for (let position = 0; position < pagePositions; position++) {
      for (let d = 0; d < headDim; d++) {
        const k = values[position * 2 * headDim + d]!;
        const v = values[position * 2 * headDim + headDim + d]!;
        expect(halves[((position >> 2) * headDim + d) * 4 + (position & 3)]).toBe(numberToHalf(k));
        expect(halves[(pagePositions + position) * headDim + d]).toBe(numberToHalf(v));
      }
    }
  });

  test('in 8 bits gives each block of 32 of K and each row of V a scale', () => {
    const headDim = 44;
    const values = seededFloats(9, 2 * headDim * pagePositions, 100);
    values.fill(0, 0, headDim);
    values.fill(2 ** -70, 3 * headDim, 4 * headDim);
    const bytes = kvPageBytes(headDim, 'q8');
    const page = onBothBuilds((workspace) => {
      const pointer = workspace.room(bytes);
      const source = workspace.f32(values);
      for (let position = 0; position < pagePositions; position++) {
        const row = source + position * headDim * 8;
        workspace.kernels.storeKvQ8(pointer, row, row + headDim * 4, position, headDim);
      }
      return workspace.readU8(pointer, bytes);
    });
    const view = new DataView(page.buffer);
    const fourBytes = 4 * headDim + 32;
    for (let position = 0; position < pagePositions; position++) {
      const at = position * 2 * headDim;
      const lane = position & 3;
      for (const [first, size, offset] of [
        [0, 32, 0],
        [32, 12, 144],
      ] as const) {
        const { scale, quants } = quantizeBlock(values.subarray(at + first, at + first + size));
        const block = (position >> 2) * fourBytes + offset;
        quants.forEach((quant, d) => {
          expect(view.getInt8(block + (d >> 1) * 8 + lane * 2 + (d & 1))).toBe(quant);
        });
        expect(view.getFloat32(block + size * 4 + lane * 4, true)).toBe(scale);
      }
      const { scale, quants } = quantizeBlock(values.subarray(at + headDim, at + 2 * headDim));
      const start = 16 * fourBytes;
      quants.forEach((quant, d) => {
        expect(view.getInt8(start + ((position >> 1) * headDim + d) * 2 + (position & 1))).toBe(quant);
      });
      expect(view.getFloat32(start + pagePositions * headDim + position * 4, true)).toBe(scale);
    }
  });
});

describe.each(kvFormats)('runs of %s', (format) => {
  test.each([20, 64, 80])('hold what their positions write, and nothing else: heads of %i', (headDim) => {
    const workspace = new Workspace('baseline');
    const { kernels, arena } = workspace;
    const pageBytes = kvPageBytes(headDim, format);
    const page = workspace.room(pageBytes);
    const row = workspace.f32(seededFloats(3, 2 * headDim));
    for (let position = 0; position < pagePositions; position += 1) {
      const bytes = arena.u8(page, pageBytes).fill(0);
      kvKernels(kernels, format).store(page, row, row + headDim * 4, position, headDim);
      const written = bytes.filter((byte) => byte !== 0).length;
      expect(written).toBeGreaterThan(headDim);
      const parts = kvRunParts(bytes, headDim, format, position >> 4);
      expect(parts.flatMap((part) => [...part]).filter((byte) => byte !== 0)).toHaveLength(written);
      expect(parts.reduce((sum, { length }) => sum + length, 0)).toBe(kvRunBytes(headDim, format));
    }
  });

  test('are the whole page together', () => {
    const page = Uint8Array.from({ length: kvPageBytes(64, format) }, (_, i) => (i * 7) % 251);
    const runs = [0, 1, 2, 3].flatMap((run) => kvRunParts(page, 64, format, run));
    const sorted = runs.toSorted((a, b) => a.byteOffset - b.byteOffset);
    expect(Buffer.concat(sorted).equals(page)).toBe(true);
  });
});
