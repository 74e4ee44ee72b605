import { defineFormat } from './format.ts';

const QUIET_BIT = 0x40;

/** bfloat16: the upper half of an f32. Encoding rounds to nearest, ties to even, and quiets NaN. */
export const bf16 = defineFormat({
  name: 'BF16',
  ggmlType: 30,
  blockSize: 1,
  blockBytes: 2,
  decode(source, target) {
    const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
    for (let i = 0; i < bits.length; i++) bits[i] = (source[i * 2]! << 16) | (source[i * 2 + 1]! << 24);
  },
  encode(source, target) {
    const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
    for (let i = 0; i < bits.length; i++) {
      const value = bits[i]!;
      const notANumber = (value & 0x7fffffff) > 0x7f800000;
      const upper = notANumber ? (value >>> 16) | QUIET_BIT : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
      target[i * 2] = upper;
      target[i * 2 + 1] = upper >> 8;
    }
  },
});
