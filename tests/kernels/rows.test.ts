import { describe, expect, test } from 'vitest';
import {
  activationBytes,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
} from '../../runtime/kernels/formats.ts';
import { addRowsScratchBytes, rowFormatOf } from '../../runtime/kernels/row-formats.ts';
import { dequantize } from './reference/dequantize.ts';
import { randomMatrix } from './reference/random-matrix.ts';
import { expectSameBits, onBothBuilds, seededFloats, type Workspace } from './support.ts';

const types = ['Q4_0', 'Q8_0'] as const;
type Type = (typeof types)[number];

interface Matrix {
  readonly type: Type;
  readonly rows: number;
  readonly columns: number;
  readonly source: Uint8Array;
}

const matrix = (type: Type, rows: number, columns: number): Matrix => ({
  type,
  rows,
  columns,
  source: randomMatrix(type, rows, columns, rows + columns),
});

/** What lies between rows must not matter. */
const gapBytes = 24;
const strideOf = ({ type, columns }: Matrix) => rowFormatOf(type).rowBytes(columns) + gapBytes;

function packed({ arena, room }: Pick<Workspace, 'arena'> & { room: Workspace['room'] }, it: Matrix): number {
  const bytes = it.rows * strideOf(it);
  const w = room(bytes);
  const target = arena.u8(w, bytes).fill(0x7f);
  rowFormatOf(it.type).pack(it.source, it.rows, it.columns, target, it.source.length / it.rows, strideOf(it));
  return w;
}

function place(workspace: Workspace, it: Matrix): number {
  return packed({ arena: workspace.arena, room: (bytes) => workspace.room(bytes) }, it);
}

/** Σ values[i] · row list[i]. */
function sumOfRows(it: Matrix, list: readonly number[], values: ArrayLike<number>): Float32Array {
  return onBothBuilds((workspace) => {
    const y = workspace.room(it.columns * 4);
    const scratch = workspace.room(addRowsScratchBytes(it.columns));
    const [lists, w] = [workspace.i32(list.length > 0 ? list : [0]), place(workspace, it)];
    const at = workspace.f32(list.length > 0 ? values : [0]);
    const { addRows } = rowFormatOf(it.type);
    addRows(workspace.kernels)(w, lists, list.length, at, y, it.columns, scratch, strideOf(it));
    return workspace.readF32(y, it.columns);
  });
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe.each(types)('rows of %s', (type) => {
  test.each([
    [32, 3],
    [96, 11],
    [256, 16],
    [288, 5],
  ])('of %d columns have the bits of the product of all %d', (columns, rows) => {
    const it = matrix(type, rows, columns);
    const x = seededFloats(rows, columns);
    const list = range(rows).filter((row) => row % 3 !== 1);
    const format = kernelFormats[type];
    const both = onBothBuilds((workspace) => {
      const stream = workspace.room(activationBytes('q8', columns));
      workspace.kernels.quantizeQ8(workspace.f32(x), stream, columns, 1);
      const y = workspace.room(4 * 4 * Math.ceil(list.length / 4));
      const w = place(workspace, it);
      const [at, stride] = [workspace.i32(list), strideOf(it)];
      rowFormatOf(type).dotRows(workspace.kernels)(w, at, list.length, stream, y, columns, stride);
      const padded = paddedRowCount(rows);
      const [all, groups] = [workspace.room(padded * 4), workspace.room(format.packedBytes(padded, columns))];
      rowFormatOf(type).groupRows(workspace.kernels)(w, groups, rows, columns, stride);
      const scratch = workspace.room(matmulScratchBytes(columns));
      format.matmul(workspace.kernels, groups, stream, all, padded, columns, 1, padded, scratch);
      return Float32Array.of(...workspace.readF32(y, list.length), ...workspace.readF32(all, rows));
    });
    expect(new Set(both).size).toBeGreaterThan(rows / 2);
    expectSameBits(
      both.slice(0, list.length),
      Float32Array.from(list, (row) => both[list.length + row]!),
    );
  });

  test('are regrouped to what packing makes of them', () => {
    const it = matrix(type, 16, 96);
    const bytes = kernelFormats[type].packedBytes(16, 96);
    const expected = new Uint8Array(bytes);
    kernelFormats[type].pack(it.source, 16, 96, expected);
    const groups = onBothBuilds((workspace) => {
      const out = workspace.room(bytes);
      rowFormatOf(type).groupRows(workspace.kernels)(place(workspace, it), out, 16, 96, strideOf(it));
      return workspace.readU8(out, bytes);
    });
    expectSameBits(groups, expected);
  });

  test.each([
    [32, 1],
    [160, 7],
    [256, 256],
  ])('of %d columns add up, %d of them, within the error of 16-bit factors', (columns, rows) => {
    const it = matrix(type, rows, columns);
    const values = seededFloats(columns, rows, 3);
    const weights = dequantize(type, it.source);
    const y = sumOfRows(it, range(rows), values);
    // Half a step of a factor for each row, times the largest quant; the step is a 32767th of the largest factor.
    const largestQuant = type === 'Q4_0' ? 8 : 128;
    const scales = range(rows).map((row) => {
      const own = weights.slice(row * columns, (row + 1) * columns);
      return Math.abs(values[row]!) * Math.max(...own.map(Math.abs));
    });
    const bound = (rows * largestQuant * Math.max(...scales)) / 32767;
    let worst = 0;
    for (let column = 0; column < columns; column += 1) {
      const exact = range(rows).reduce(
        (sum, row) => sum + values[row]! * weights[row * columns + column]!,
        0,
      );
      worst = Math.max(worst, Math.abs(y[column]! - exact));
    }
    expect(worst).toBeLessThan(bound);
    expect(new Set(y).size).toBeGreaterThan(8);
  });

  test('add up to the same bits in any order, and with rows whose value is zero', () => {
    const it = matrix(type, 37, 96);
    const fired = range(37).filter((row) => row % 4 === 1 || row === 30);
    const values = seededFloats(5, 37).map((value, row) => (fired.includes(row) ? value : 0));
    const all = sumOfRows(it, range(37), values);
    const ofFired = (list: readonly number[]) =>
      sumOfRows(
        it,
        list,
        list.map((row) => values[row]!),
      );
    expect(all.some((value) => value !== 0)).toBe(true);
    expectSameBits(ofFired(fired), all);
    expectSameBits(ofFired(fired.toReversed()), all);
    const negative = values.map((value) => (value === 0 ? -0 : value));
    expectSameBits(sumOfRows(it, range(37), negative), all);
    expect(Buffer.compare(Buffer.from(ofFired(fired.slice(1)).buffer), Buffer.from(all.buffer))).not.toBe(0);
  });

  test('add up to zeros where there are none, or none that counts', () => {
    const it = matrix(type, 5, 64);
    expectSameBits(sumOfRows(it, [], []), new Float32Array(64));
    expectSameBits(sumOfRows(it, [1, 3], [0, -0]), new Float32Array(64));
    expectSameBits(sumOfRows(it, [1], [1e-38]), new Float32Array(64));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('show a value of %d', (value) => {
    const y = sumOfRows(matrix(type, 5, 64), [0, 2, 4], [1, value, 2]);
    expect(y.some(Number.isFinite)).toBe(false);
  });
});

describe('lists', () => {
  const gates = [1, -1, 0, -0, 1e-40, Number.NaN, -5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3];

  test('name the neurons whose gate is above zero, and NaN', () => {
    const list = onBothBuilds((workspace) => {
      const at = workspace.room(gates.length * 4);
      const length = workspace.kernels.firingNeurons(workspace.f32(gates), gates.length, at);
      return workspace.readI32(at, length);
    });
    expect([...list]).toEqual([0, 4, 5, 7, 9]);
  });

  test('name the neurons whose score is not below a threshold', () => {
    const list = onBothBuilds((workspace) => {
      const at = workspace.room(gates.length * 4);
      const length = workspace.kernels.neuronsFrom(workspace.f32(gates), gates.length, -1, at);
      return workspace.readI32(at, length);
    });
    expect([...list]).toEqual([0, 1, 2, 3, 4, 5, 7, 9]);
  });

  test.each([
    [0, range(10)],
    [0.2, [0, 1, 5, 7, 8, 9]],
    [0.73, [0, 5, 7, 8, 9]],
    [0.7311, [5, 7, 8, 9]],
  ])('name the neurons whose |silu| is not below %d', (cut, expected) => {
    const list = onBothBuilds((workspace) => {
      const at = workspace.room(gates.length * 4);
      const room = workspace.f32([...gates, Number.NaN, Number.NaN]);
      const length = workspace.kernels.neuronsOverCut(room, gates.length, cut, at);
      return workspace.readI32(at, length);
    });
    expect([...list]).toEqual(expected);
  });

  test('gather, and drop zeros', () => {
    const kept = onBothBuilds((workspace) => {
      const list = workspace.i32([9, 2, 0, 3, 6]);
      const values = workspace.room(20);
      workspace.kernels.gatherF32(workspace.f32(gates), list, 5, values);
      const length = workspace.kernels.dropZeros(values, list, 5);
      return Float32Array.of(
        length,
        ...workspace.readF32(values, length),
        ...workspace.readI32(list, length),
      );
    });
    expect([...kept]).toEqual([3, 3, 1, -5, 9, 0, 6]);
  });
});

describe('rectified units', () => {
  const gate = [1.5, -1, 0, -0, Number.NaN, 2, 3, -4, Number.POSITIVE_INFINITY];
  const up = [2, 3, Number.POSITIVE_INFINITY, 5, 1, -3, Number.NaN, Number.NaN, 0];
  test('relu', () => {
    const out = onBothBuilds((workspace) => {
      const x = workspace.f32(gate);
      workspace.kernels.relu(x, gate.length);
      return workspace.readF32(x, gate.length);
    });
    expect([...out]).toEqual([1.5, 0, 0, 0, Number.NaN, 2, 3, 0, Number.POSITIVE_INFINITY]);
  });

  test.each([
    ['reglu', [3, 0, 0, 0, Number.NaN, -6, Number.NaN, 0, Number.NaN]],
    ['reglu2', [4.5, 0, 0, 0, Number.NaN, -12, Number.NaN, 0, Number.NaN]],
    ['dreglu', [3, 0, 0, 0, Number.NaN, 0, Number.NaN, 0, 0]],
  ] as const)('%s', (name, expected) => {
    const out = onBothBuilds((workspace) => {
      const y = workspace.room(gate.length * 4);
      workspace.kernels[name](workspace.f32(gate), workspace.f32(up), y, gate.length);
      return workspace.readF32(y, gate.length);
    });
    expect([...out].map((value) => value + 0)).toEqual(expected);
    expect(out.some((value) => Object.is(value, -0))).toBe(false);
  });
});
