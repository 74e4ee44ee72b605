import { expect, test } from 'vitest';
import { quantFormatNamed, quantFormatOfGgmlType, quantFormats } from '../../runtime/quant/registry.ts';

/** Name, id, elements and bytes of a block, from ggml.h and ggml-common.h. */
const ggmlTypes = [
  ['F32', 0, 1, 4],
  ['F16', 1, 1, 2],
  ['BF16', 30, 1, 2],
  ['Q4_0', 2, 32, 18],
  ['Q4_1', 3, 32, 20],
  ['Q5_0', 6, 32, 22],
  ['Q5_1', 7, 32, 24],
  ['Q8_0', 8, 32, 34],
  ['Q2_K', 10, 256, 84],
  ['Q3_K', 11, 256, 110],
  ['Q4_K', 12, 256, 144],
  ['Q5_K', 13, 256, 176],
  ['Q6_K', 14, 256, 210],
  ['IQ4_NL', 20, 32, 18],
  ['IQ4_XS', 23, 256, 136],
];

test('holds the formats of ggml with their ids and sizes', () => {
  const held = quantFormats.map(({ name, ggmlType, blockSize, blockBytes }) => [
    name,
    ggmlType,
    blockSize,
    blockBytes,
  ]);
  expect(held).toEqual(ggmlTypes);
});

test('finds each format by name and by id, and no others', () => {
  for (const format of quantFormats) {
    expect(quantFormatNamed(format.name)).toBe(format);
    expect(quantFormatOfGgmlType(format.ggmlType)).toBe(format);
  }
  expect(quantFormatOfGgmlType(4)).toBeUndefined();
});
