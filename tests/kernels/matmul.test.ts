import { describe, expect, test } from 'vitest';
import {
  activationBytes,
  type KernelFormatName,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
  quantizeActivations,
} from '../../runtime/kernels/formats.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { dequantize } from './reference/dequantize.ts';
import { throughInt8 } from './reference/quantize.ts';
import { randomMatrix, scaleOffsets } from './reference/random-matrix.ts';
import { expectSameBits, onBothBuilds, seededFloats, type Workspace } from './support.ts';

const epsilon = 2 ** -24;
const names = Object.keys(kernelFormats) as KernelFormatName[];

interface Case {
  readonly name: KernelFormatName;
  readonly rows: number;
  readonly columns: number;
  readonly source: Uint8Array;
}

function makeCase(name: KernelFormatName, rows: number, blocks: number, seed: number, scale?: number): Case {
  const columns = blocks * kernelFormats[name].blockColumns;
  return { name, rows, columns, source: randomMatrix(name, rows, columns, seed, scale) };
}

/** y of `count` tokens, [count][paddedRows + gap]; the gap must stay as it was. */
function multiply(
  workspace: Workspace,
  { name, rows, columns, source }: Case,
  x: Float32Array,
): Float32Array {
  const format = kernelFormats[name];
  const count = x.length / columns;
  const w = workspace.room(format.packedBytes(rows, columns));
  format.pack(source, rows, columns, workspace.arena.u8(w, format.packedBytes(rows, columns)));
  let input = workspace.f32(x);
  if (format.activation !== 'f32') {
    const stream = workspace.room(count * activationBytes(format.activation, columns));
    quantizeActivations(workspace.kernels, format.activation, input, stream, columns, count);
    input = stream;
  }
  const padded = paddedRowCount(rows);
  const yStride = padded + 4;
  const y = workspace.room(count * yStride * 4);
  const scratch = workspace.room(matmulScratchBytes(columns));
  format.matmul(workspace.kernels, w, input, y, padded, columns, count, yStride, scratch);
  const out = workspace.readF32(y, count * yStride);
  for (let t = 0; t < count; t++) {
    const token = out.subarray(t * yStride, (t + 1) * yStride);
    expect(token.subarray(padded).every(Number.isNaN)).toBe(true);
    expect(token.subarray(rows, padded).every((value) => value === 0)).toBe(true);
  }
  return Float32Array.from(
    { length: count * rows },
    (_, i) => out[Math.floor(i / rows) * yStride + (i % rows)]!,
  );
}

const activationBlocks = { f32: 1, q8: 32, q8k: 256 };

/** Product in f64 with the activations as the kernel quantises them, and Σ |w·x| of each output. */
function reference({ name, rows, columns, source }: Case, x: Float32Array): { y: number[]; mass: number[] } {
  const w = dequantize(name, source);
  const { activation } = kernelFormats[name];
  const seen = activation === 'f32' ? Float64Array.from(x) : throughInt8(x, activationBlocks[activation]);
  const y: number[] = [];
  const mass: number[] = [];
  for (let t = 0; t < x.length / columns; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      let absolute = 0;
      for (let c = 0; c < columns; c++) {
        const product = w[r * columns + c]! * seen[t * columns + c]!;
        sum += product;
        absolute += Math.abs(product);
      }
      y.push(sum);
      mass.push(absolute);
    }
  }
  return { y, mass };
}

/**
 * Roundings on the way: 6 a block, then one an addition. The two terms of a format with minimums weigh more
 * than Σ |w·x|.
 */
function tolerance(name: KernelFormatName, blocks: number): number {
  const minimums = ['Q4_1', 'Q5_1', 'Q2_K', 'Q4_K', 'Q5_K'].includes(name);
  return (blocks + 8) * (minimums ? 4 : 1) * epsilon;
}

describe.each(names)('matmul %s', (name) => {
  const { blockColumns } = kernelFormats[name];

  test('has for reference what the format decodes to, but for float32', () => {
    const { source, rows, columns } = makeCase(name, 16, 3, 2);
    const decoded = new Float32Array(rows * columns);
    quantFormatNamed(name).decode(source, decoded);
    dequantize(name, source).forEach((value, i) => {
      // Each of the two terms is rounded; they are below 64 · 63 · 0.015 and may cancel.
      expect(Math.abs(decoded[i]! - value)).toBeLessThanOrEqual(64 * epsilon);
    });
  });

  const shapes = blockColumns === 1 ? [1, 2, 5, 96] : [1, 2, 5];

  test.each(shapes)(
    'agrees with the f64 reference, %d blocks in a row, rows and tokens of any number',
    (blocks) => {
      for (const [rows, count] of [
        [8, 1],
        [16, 3],
        [11, 2],
        [1, 1],
      ] as const) {
        const matrix = makeCase(name, rows, blocks, 17 * blocks + rows);
        const x = seededFloats(rows + 99, count * matrix.columns);
        const y = onBothBuilds((workspace) => multiply(workspace, matrix, x));
        const expected = reference(matrix, x);
        y.forEach((value, i) => {
          expect(Math.abs(value - expected.y[i]!)).toBeLessThanOrEqual(
            tolerance(name, blocks) * expected.mass[i]!,
          );
        });
        if (y.length > 4) expect(new Set(y).size).toBe(y.length);
      }
    },
  );

  test.each([
    [2, 24],
    [3, 19],
  ])('gives each token what it gets alone, %d blocks in a row, %d rows', (blocks, rows) => {
    const matrix = makeCase(name, rows, blockColumns === 1 ? 35 * blocks : blocks, 5);
    const { columns } = matrix;
    const maxCount = 33;
    const x = seededFloats(8, maxCount * columns);
    const alone = onBothBuilds((workspace) => {
      const tokens = Array.from({ length: maxCount }, (_, t) =>
        multiply(workspace, matrix, x.slice(t * columns, (t + 1) * columns)),
      );
      return Float32Array.from(tokens.flatMap((token) => [...token]));
    });
    for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 31, 33]) {
      const together = onBothBuilds((workspace) => multiply(workspace, matrix, x.slice(0, count * columns)));
      expectSameBits(together, alone.slice(0, count * rows));
    }
  });

  test.each([
    ['subnormal halves', 2 ** -20, 1],
    ['large weights', 60, 1],
    ['tiny activations', 0.01, 2 ** -40],
    ['huge activations', 0.01, 2 ** 60],
  ])('keeps its precision with %s', (_, scale, deviation) => {
    const matrix = makeCase(name, 8, 2, 3, scale);
    const x = seededFloats(4, matrix.columns, deviation);
    const y = onBothBuilds((workspace) => multiply(workspace, matrix, x));
    const expected = reference(matrix, x);
    y.forEach((value, i) => {
      expect(Math.abs(value - expected.y[i]!)).toBeLessThanOrEqual(tolerance(name, 2) * expected.mass[i]!);
    });
  });

  test.each([1, 4])('shows a NaN or an infinity in the activations of one token of %d', (count) => {
    const matrix = makeCase(name, 8, blockColumns === 1 ? 32 : 2, 6);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = seededFloats(7, count * matrix.columns);
      x[3] = bad;
      const finite = onBothBuilds((workspace) =>
        Uint8Array.from(multiply(workspace, matrix, x), (value) => (Number.isFinite(value) ? 1 : 0)),
      );
      expect([...finite]).toEqual(Array.from({ length: count * 8 }, (_, i) => (i < 8 ? 0 : 1)));
    }
  });
});

const quantized = names.filter((name) => kernelFormats[name].blockColumns > 1);

describe.each([...quantized, 'F16' as const])('packing %s', (name) => {
  test.each([256, -300, Number.POSITIVE_INFINITY, Number.NaN])('refuses scales about %d', (scale) => {
    const format = kernelFormats[name];
    const columns = format.blockColumns;
    const source = randomMatrix(name, 3, columns, 1, scale);
    const target = new Uint8Array(format.packedBytes(3, columns));
    expect(() => format.pack(source, 3, columns, target)).toThrow(/not finite or not below 128/);
  });
});

test('extreme quants stay exact, for one token and for several', () => {
  for (const name of quantized) {
    for (const fill of [0x00, 0xff, 0x80, 0x7f]) {
      const matrix = makeCase(name, 8, 1, 1);
      const scales = makeCase(name, 8, 1, 2).source;
      matrix.source.fill(fill);
      const blockBytes = matrix.source.length / 8;
      for (let row = 0; row < 8; row++) {
        for (const offset of scaleOffsets[name]) {
          const at = row * blockBytes + offset;
          matrix.source.set(scales.subarray(at, at + 2), at);
        }
      }
      for (const sign of [1, -1]) {
        const x = new Float32Array(5 * matrix.columns).fill(sign);
        const y = onBothBuilds((workspace) => multiply(workspace, matrix, x));
        const expected = reference(matrix, x);
        y.forEach((value, i) => {
          expect(Math.abs(value - expected.y[i]!)).toBeLessThanOrEqual(
            tolerance(name, 1) * expected.mass[i]!,
          );
        });
      }
    }
  }
});
