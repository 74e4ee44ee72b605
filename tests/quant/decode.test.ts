import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { quantFormats } from '../../runtime/quant/registry.ts';

/**
 * Encoded blocks and the f32 values that ggml-quants.c's `dequantize_row_*` makes of them, compiled without fused
 * multiply-add (`gcc -O1 -ffp-contract=off`), both in base64, little-endian. The quants are random bytes. The five
 * blocks of a type have different f16 fields: ordinary ones; negative ones; random subnormals; the largest f16 and
 * its negative, with the outermost nested scales; the smallest subnormal with a negative zero. F32, F16 and BF16
 * have zeros of both signs, subnormals, the largest values, infinities, then random ones.
 */
const vectors: Record<string, { bytes: string; values: string }> = JSON.parse(
  readFileSync(new URL('fixtures/decode-vectors.json', import.meta.url), 'utf8'),
);

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

describe.each(quantFormats.map((format) => [format.name, format] as const))('%s', (name, format) => {
  const bytes = fromBase64(vectors[name]!.bytes);
  const values = new Float32Array(fromBase64(vectors[name]!.values).buffer);

  test('has vectors worth comparing', () => {
    expect(values.length / format.blockSize).toBeGreaterThanOrEqual(5);
    expect(new Set(values).size).toBeGreaterThan(Math.min(values.length, 128) / 5);
    expect(values.some((value) => value < 0) && values.some((value) => value > 0)).toBe(true);
  });

  test('decodes to exactly the values of ggml', () => {
    const decoded = new Float32Array(values.length);
    format.decode(bytes, decoded);
    expect(new Uint32Array(decoded.buffer)).toEqual(new Uint32Array(values.buffer));
  });

  test('decodes views that start at odd bytes and writes only its target', () => {
    const source = new Uint8Array(bytes.length + 2);
    source.set(bytes, 1);
    const canvas = new Float32Array(values.length + 2).fill(123);
    format.decode(source.subarray(1, bytes.length + 1), canvas.subarray(1, values.length + 1));
    expect([...canvas.subarray(1, -1)]).toEqual([...values]);
    expect([canvas[0], canvas.at(-1)]).toEqual([123, 123]);
  });

  test.each([
    ['a block short of a byte', format.blockBytes - 1, format.blockSize],
    ['a byte too many', format.blockBytes + 1, format.blockSize],
    ['a target too long', format.blockBytes, format.blockSize * 2],
    ['a target too short', format.blockBytes * 2, format.blockSize],
    ['a target without blocks', 0, 1],
  ])('refuses %s', (_, byteLength, elementCount) => {
    const encoded = new Uint8Array(byteLength);
    const elements = new Float32Array(elementCount);
    expect(() => format.decode(encoded, elements)).toThrow(name);
    expect(() => format.encode!(elements, encoded)).toThrow(name);
  });

  test('decodes and encodes nothing at all', () => {
    format.decode(new Uint8Array(0), new Float32Array(0));
    format.encode!(new Float32Array(0), new Uint8Array(0));
  });
});
