import { HalfRecoder } from '../half.ts';
import { defineFormat, type FormatLayout } from './format.ts';

/** GGUF: f32 little-endian. Packed: column by column, 8 rows beside each other. */
const packFloats: FormatLayout['packGroup'] = (source, sourceOffset, rows, columns, target, targetOffset) => {
  for (let row = 0; row < rows; row++) {
    let from = sourceOffset + row * columns * 4;
    let to = targetOffset + row * 4;
    for (let column = 0; column < columns; column++) {
      target[to] = source[from]!;
      target[to + 1] = source[from + 1]!;
      target[to + 2] = source[from + 2]!;
      target[to + 3] = source[from + 3]!;
      from += 4;
      to += 32;
    }
  }
};

/** GGUF: IEEE halves. Packed: packed halves (see `half.ts`), column by column, 8 rows beside each other. */
const packHalves: FormatLayout['packGroup'] = (source, sourceOffset, rows, columns, target, targetOffset) => {
  const halves = new HalfRecoder();
  for (let row = 0; row < rows; row++) {
    let from = sourceOffset + row * columns * 2;
    let to = targetOffset + row * 2;
    for (let column = 0; column < columns; column++) {
      halves.move(source, from, target, to);
      from += 2;
      to += 16;
    }
  }
  halves.finish();
};

/** GGUF: bfloat16. Packed: as they are, column by column, 8 rows beside each other. */
const packUpperHalves: FormatLayout['packGroup'] = (
  source,
  sourceOffset,
  rows,
  columns,
  target,
  targetOffset,
) => {
  for (let row = 0; row < rows; row++) {
    let from = sourceOffset + row * columns * 2;
    let to = targetOffset + row * 2;
    for (let column = 0; column < columns; column++) {
      target[to] = source[from]!;
      target[to + 1] = source[from + 1]!;
      from += 2;
      to += 16;
    }
  }
};

export const f32 = defineFormat({
  name: 'F32',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 4,
  groupBlockBytes: 32,
  kernel: (kernels) => kernels.matmulF32,
  packGroup: packFloats,
});

export const f16 = defineFormat({
  name: 'F16',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 2,
  groupBlockBytes: 16,
  kernel: (kernels) => kernels.matmulF16,
  packGroup: packHalves,
});

export const bf16 = defineFormat({
  name: 'BF16',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 2,
  groupBlockBytes: 16,
  kernel: (kernels) => kernels.matmulBF16,
  packGroup: packUpperHalves,
});
