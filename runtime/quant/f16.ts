import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';

/** IEEE 754 binary16. */
export const f16 = defineFormat({
  name: 'F16',
  ggmlType: 1,
  blockSize: 1,
  blockBytes: 2,
  decode(source, target) {
    for (let i = 0; i < target.length; i++) target[i] = readF16(source, i * 2);
  },
  encode(source, target) {
    for (let i = 0; i < source.length; i++) writeF16(target, i * 2, source[i]!);
  },
});
