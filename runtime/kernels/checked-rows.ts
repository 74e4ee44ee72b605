import { assert } from '../error.ts';
import { assertPointers, assertSizes } from './arguments.ts';
import type { AddRowsKernel, DotRowsKernel, GroupRowsKernel, KernelExports } from './exports.ts';

/** No tile has more neurons, and sums of more rows could leave an int32. */
const mostListed = 256;

type RowKernels = Pick<
  KernelExports,
  | 'dotRowsQ4_0'
  | 'dotRowsQ8_0'
  | 'addRowsQ4_0'
  | 'addRowsQ8_0'
  | 'groupRowsQ4_0'
  | 'groupRowsQ8_0'
  | 'firingNeurons'
  | 'neuronsFrom'
  | 'neuronsOverCut'
  | 'gatherF32'
  | 'dropZeros'
>;

/** Kernels over rows of a list, and those that make lists. */
export function checkedRowKernels(raw: KernelExports): RowKernels {
  return {
    dotRowsQ4_0: checkedDot(raw.dotRowsQ4_0),
    dotRowsQ8_0: checkedDot(raw.dotRowsQ8_0),
    addRowsQ4_0: checkedAdd(raw.addRowsQ4_0),
    addRowsQ8_0: checkedAdd(raw.addRowsQ8_0),
    groupRowsQ4_0: checkedGroup(raw.groupRowsQ4_0),
    groupRowsQ8_0: checkedGroup(raw.groupRowsQ8_0),
    firingNeurons(gate, count, list) {
      assertPointers(gate, list);
      assertSizes(count);
      return raw.firingNeurons(gate, count, list);
    },
    neuronsFrom(score, count, threshold, list) {
      assertPointers(score, list);
      assertSizes(count);
      return raw.neuronsFrom(score, count, threshold, list);
    },
    neuronsOverCut(gate, count, cut, list) {
      assertPointers(gate, list);
      assertSizes(count);
      return raw.neuronsOverCut(gate, count, cut, list);
    },
    gatherF32(x, list, length, out) {
      assertPointers(x, list, out);
      assertSizes(length);
      raw.gatherF32(x, list, length, out);
    },
    dropZeros(values, list, length) {
      assertPointers(values, list);
      assertSizes(length);
      return raw.dropZeros(values, list, length);
    },
  };
}

function assertRows(list: number, length: number, columns: number, stride: number): void {
  assertPointers(list);
  assertSizes(length);
  assert(length <= mostListed, 'rows of a tile', length);
  assert(columns > 0 && columns % 32 === 0, 'columns of whole blocks', columns);
  assert(stride > 0, 'rows apart', stride);
}

function checkedDot(kernel: DotRowsKernel): DotRowsKernel {
  return (w, list, length, x, y, columns, stride) => {
    assertRows(list, length, columns, stride);
    assertPointers(w, x, y);
    kernel(w, list, length, x, y, columns, stride);
  };
}

function checkedAdd(kernel: AddRowsKernel): AddRowsKernel {
  return (w, list, length, values, y, columns, scratch, stride) => {
    assertRows(list, length, columns, stride);
    assertPointers(w, values, y, scratch);
    kernel(w, list, length, values, y, columns, scratch, stride);
  };
}

function checkedGroup(kernel: GroupRowsKernel): GroupRowsKernel {
  return (w, out, rows, columns, stride) => {
    assertPointers(w, out);
    assert(rows > 0 && columns % 32 === 0, 'rows of whole blocks', rows, columns);
    assert(stride > 0, 'rows apart', stride);
    kernel(w, out, rows, columns, stride);
  };
}
