import { describe, expect, test } from 'vitest';
import type { QuantFormat, QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed, quantFormats } from '../../runtime/quant/registry.ts';
import { Random } from '../support/random.ts';

/**
 * RMS error over RMS value that an encoder may reach on normally distributed weights. ggml's own encoders
 * (`quantize_row_*_ref`) are within 4 % of what ours reach, for Q2_K 8 % above.
 */
const relativeErrorBounds: Record<QuantTypeName, number> = {
  F32: 0,
  F16: 0.0003,
  BF16: 0.002,
  Q4_0: 0.09,
  Q4_1: 0.08,
  Q5_0: 0.045,
  Q5_1: 0.04,
  Q8_0: 0.006,
  Q2_K: 0.3,
  Q3_K: 0.16,
  Q4_K: 0.075,
  Q5_K: 0.038,
  Q6_K: 0.02,
  IQ4_NL: 0.08,
  IQ4_XS: 0.08,
};

const BLOCKS = 40;

/** 10240 or 1280 weights of deviation 0.02, with an outlier and a block that is all positive. */
function normalWeights(format: QuantFormat): Float32Array {
  const count = Math.max(BLOCKS * format.blockSize, 1280);
  const weights = Random.named(7, format.name).fillNormal(new Float32Array(count), 0.02);
  weights[5] = -0.11;
  for (let i = count - 256; i < count; i++) weights[i] = Math.abs(weights[i]!);
  return weights;
}

function encode(format: QuantFormat, weights: Float32Array): Uint8Array {
  const bytes = new Uint8Array((weights.length / format.blockSize) * format.blockBytes).fill(0xff);
  format.encode!(weights, bytes);
  return bytes;
}

function decode(format: QuantFormat, bytes: Uint8Array): Float32Array {
  const weights = new Float32Array((bytes.length / format.blockBytes) * format.blockSize);
  format.decode(bytes, weights);
  return weights;
}

function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

function relativeError(format: QuantFormat, weights: Float32Array): number {
  const decoded = decode(format, encode(format, weights));
  return rms(weights.map((weight, i) => weight - decoded[i]!)) / rms(weights);
}

describe.each(quantFormats.map((format) => [format.name, format] as const))('%s', (name, format) => {
  test('keeps normal weights within its bound, at every magnitude', () => {
    const weights = normalWeights(format);
    expect(new Set(weights).size).toBeGreaterThan(weights.length * 0.9);
    for (const factor of [1, -1, 100]) {
      const scaled = weights.map((weight) => weight * factor);
      expect(relativeError(format, scaled)).toBeLessThanOrEqual(relativeErrorBounds[name]);
    }
  });

  test('has a bound that a coarser encoding breaks', () => {
    if (name === 'F32') return;
    const weights = normalWeights(format);
    const noisy = weights.map((weight, i) => weight * (i % 2 ? 1.35 : 0.65));
    expect(rms(weights.map((weight, i) => weight - noisy[i]!)) / rms(weights)).toBeGreaterThan(
      relativeErrorBounds[name],
    );
  });

  test('encodes zeros to zeros', () => {
    const zeros = new Float32Array(format.blockSize * 2);
    expect(decode(format, encode(format, zeros)).every((value) => value === 0)).toBe(true);
  });

  test('encodes a block of one value to nearly that value', () => {
    for (const value of [0.75, -0.75]) {
      const weights = new Float32Array(format.blockSize).fill(value);
      expect(relativeError(format, weights)).toBeLessThan(0.01);
    }
  });

  test('encodes a lone element among zeros', () => {
    const weights = new Float32Array(format.blockSize * 2);
    weights[format.blockSize - 1] = 0.3;
    // The IQ4 levels have no zero: 31 neighbours become 1/127 of the element each.
    const bound = name.startsWith('IQ4') ? 0.045 : 0.01;
    expect(relativeError(format, weights)).toBeLessThan(bound);
  });

  test('encodes each block by itself, at its own scale', () => {
    const weights = normalWeights(format).map((weight, i) =>
      Math.floor(i / format.blockSize) % 2 ? weight * 50 : weight,
    );
    const bytes = encode(format, weights);
    for (const block of [0, 1, 2]) {
      const alone = encode(
        format,
        weights.subarray(block * format.blockSize, (block + 1) * format.blockSize),
      );
      expect(bytes.subarray(block * format.blockBytes, (block + 1) * format.blockBytes)).toEqual(alone);
    }
  });

  test('decodes tiny and subnormal weights to finite ones', () => {
    const weights = normalWeights(format).map((weight, i) => (i % 3 === 0 ? weight * 1e-42 : weight * 1e-6));
    expect(decode(format, encode(format, weights)).every(Number.isFinite)).toBe(true);
  });
});

test('more bits a weight mean less error among the K formats', () => {
  const names = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const;
  const weights = normalWeights(quantFormatNamed('Q6_K'));
  const errors = names.map((name) => relativeError(quantFormatNamed(name), weights));
  expect(errors).toEqual(errors.toSorted((a, b) => b - a));
});

/**
 * Bytes of ggml's `quantize_row_*_ref` for 32 distinct weights of both signs: the encoders of the plain formats
 * give the very same files.
 */
const referenceBlocks: Partial<Record<QuantTypeName, string>> = {
  Q4_0: '71a9bf269c046ad148ae258ce369c137ad15',
  Q4_1: '6029a4b440d962fb952eb751da730c953ec851ea',
  Q5_0: '71a5d54aa5566e5c1908d493805c3b08d6b3817e3b29',
  Q5_1: '3425a4b42ab55aa980a2d5f72a4c7f91c4e6193b6e80b3d5',
  Q8_0: '7c19941eb943de69049f29c44eea740faa34cf5af57f1ab53fdb65009b25c14be670',
};

test.each(Object.entries(referenceBlocks) as [QuantTypeName, string][])(
  '%s encodes as ggml does',
  (name, hex) => {
    const weights = Float32Array.from({ length: 32 }, (_, i) => (((i * 37) % 64) - 29) / 100);
    expect(new Set(weights).size).toBe(32);
    expect(Buffer.from(encode(quantFormatNamed(name), weights)).toString('hex')).toBe(hex);
  },
);
