import { describe, expect, test } from 'vitest';
import type { TensorFile } from '../../runtime/gguf/tensor-file.ts';
import { ColumnReader, type ColumnSlice } from '../../runtime/tile/column-reader.ts';

const rows = 37;
const rowBytes = 120;
const width = 24;

/** Two tensors of bytes that tell where they stand, and how many of them were read. */
function tensors() {
  const content = new Map(
    ['a', 'b'].map((name, seed) => [
      name,
      Uint8Array.from({ length: rows * rowBytes }, (_, i) => (i * 31 + (i >> 8) * 7 + seed * 101) & 0xff),
    ]),
  );
  const read = { bytes: 0, largest: 0, failAt: Number.POSITIVE_INFINITY };
  const file: Pick<TensorFile, 'readTensor'> = {
    async readTensor(name, start = 0, length = 0, buffer) {
      read.bytes += length;
      read.largest = Math.max(read.largest, length);
      if (read.bytes >= read.failAt) throw new Error('the disk is gone');
      const target = buffer!.subarray(0, length);
      target.set(content.get(name)!.subarray(start, start + length));
      return target;
    },
  };
  const columns = ({ name, first, count }: ColumnSlice) =>
    Array.from({ length: rows }, (_, row) => [
      ...content.get(name)!.subarray(row * rowBytes + first, row * rowBytes + first + count),
    ]);
  return { file, read, columns };
}

const slice = (name: string, index: number): ColumnSlice => ({
  name,
  rows,
  rowBytes,
  first: index * width,
  count: width,
});

async function columnsRead(reader: ColumnReader, wanted: ColumnSlice): Promise<number[][]> {
  const { bytes, stride } = await reader.read(wanted);
  return Array.from({ length: rows }, (_, row) => [
    ...bytes.subarray(row * stride, row * stride + wanted.count),
  ]);
}

describe('columns of tensors', () => {
  test.each([
    { bandBytes: 1, keptBytes: 1, passes: 5 },
    { bandBytes: 1000, keptBytes: 2 * rows * width, passes: 3 },
    { bandBytes: 1 << 18, keptBytes: 1 << 21, passes: 1 },
  ])('are read in bands and kept as far as they fit: %o', async ({ passes, ...sizes }) => {
    const { file, read, columns } = tensors();
    const reader = new ColumnReader(file, sizes);
    for (let i = 0; i < 5; i += 1)
      expect(await columnsRead(reader, slice('a', i))).toEqual(columns(slice('a', i)));
    expect(read.bytes).toBe(passes * rows * rowBytes);
    expect(read.largest).toBeLessThanOrEqual(Math.max(sizes.bandBytes, rowBytes));
  });

  test('may be asked for in any order, of any tensor, in any width', async () => {
    const { file, columns } = tensors();
    const reader = new ColumnReader(file, { bandBytes: 500, keptBytes: 2 * rows * width });
    const odd = { ...slice('b', 1), first: 30, count: 50 };
    for (const wanted of [slice('a', 3), slice('b', 3), slice('b', 0), odd, slice('a', 4), slice('a', 2)])
      expect(await columnsRead(reader, wanted)).toEqual(columns(wanted));
  });

  test('of which reading failed are read again', async () => {
    const { file, read, columns } = tensors();
    const reader = new ColumnReader(file, { bandBytes: 500 });
    await columnsRead(reader, slice('a', 0));
    read.failAt = read.bytes + 2000;
    await expect(reader.read(slice('b', 0))).rejects.toThrow('the disk is gone');
    read.failAt = Number.POSITIVE_INFINITY;
    for (const name of ['b', 'a'])
      expect(await columnsRead(reader, slice(name, 1))).toEqual(columns(slice(name, 1)));
  });
});
