import { defineFormat } from './format.ts';

/** GGUF: f32 little-endian. Packed: column by column, 8 rows beside each other. */
export const f32 = defineFormat({
  name: 'F32',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 4,
  groupBlockBytes: 32,
  packBlock: (source, from, row, target, group) => target.setWord(group + 4 * row, source.word(from)),
  kernel: (kernels) => kernels.matmulF32,
  panelKernel: (kernels) => kernels.matmulPanelF32,
});

/** GGUF: IEEE halves. Packed: packed halves (see `half.ts`), column by column, 8 rows beside each other. */
export const f16 = defineFormat({
  name: 'F16',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 2,
  groupBlockBytes: 16,
  packBlock: (source, from, row, target, group, halves) => halves.move(source, from, target, group + 2 * row),
  kernel: (kernels) => kernels.matmulF16,
  panelKernel: (kernels) => kernels.matmulPanelF16,
});

/** GGUF: bfloat16. Packed: as they are, column by column, 8 rows beside each other. */
export const bf16 = defineFormat({
  name: 'BF16',
  blockColumns: 1,
  activation: 'f32',
  blockBytes: 2,
  groupBlockBytes: 16,
  packBlock: (source, from, row, target, group) => target.setU16(group + 2 * row, source.u16(from)),
  kernel: (kernels) => kernels.matmulBF16,
  panelKernel: (kernels) => kernels.matmulPanelBF16,
});
