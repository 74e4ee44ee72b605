import { describe, expect, test } from 'vitest';
import { expectSameBits, onBothBuilds, seededFloats } from './support.ts';

const epsilon = 2 ** -24;
const lengths = [1, 2, 3, 4, 5, 15, 16, 17, 63, 100, 1027];

function expectRelative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected));
}

describe('rmsNorm', () => {
  const norm = (x: Float32Array, weight: Float32Array, count: number, normEpsilon = 1e-5): Float32Array => {
    const size = weight.length;
    return onBothBuilds((workspace) => {
      const y = workspace.room(x.length * 4);
      const scales = workspace.room(count * 16);
      workspace.kernels.rmsNorm(workspace.f32(x), workspace.f32(weight), y, size, count, normEpsilon, scales);
      return Float32Array.of(...workspace.readF32(y, x.length), ...workspace.readF32(scales, 4 * count));
    });
  };

  test.each(lengths)('agrees with f64 for %d elements, token by token', (size) => {
    const count = 3;
    const x = seededFloats(size, size * count, 2);
    const weight = seededFloats(size + 1, size);
    const out = norm(x, weight, count);
    for (let t = 0; t < count; t++) {
      const token = x.subarray(t * size, (t + 1) * size);
      const mean = token.reduce((sum, value) => sum + value * value, 0) / size;
      token.forEach((value, i) => {
        const expected = (value / Math.sqrt(mean + Math.fround(1e-5))) * weight[i]!;
        expectRelative(out[t * size + i]!, expected, (size / 16 + 8) * epsilon);
      });
      const exponent = Math.floor(Math.log2(Math.sqrt(mean)));
      const scales = out.slice(x.length + 4 * t, x.length + 4 * t + 4);
      expect([...scales]).toEqual(
        [16 - exponent, exponent - 16, 4 - exponent, exponent - 4].map((e) => 2 ** e),
      );
      expectSameBits(norm(token.slice(), weight, 1).slice(0, size), out.slice(t * size, (t + 1) * size));
    }
  });

  test.each([
    [0, -100],
    [1e-44, -100],
    [2 ** -70, -70],
    [2 ** -50, -50],
    [3 * 2 ** 40, 41],
    [3e38, 126],
    [Number.POSITIVE_INFINITY, 126],
    [Number.NaN, 126],
  ])('values of %d are scaled by the exponent %d', (value, exponent) => {
    const out = norm(new Float32Array(64).fill(value), new Float32Array(64).fill(1), 1);
    const scales = [16 - exponent, exponent - 16, 4 - exponent, exponent - 4].map((e) => 2 ** e);
    expect([...out.slice(64)]).toEqual(scales);
    for (const scale of scales) expect(scale).toBeGreaterThanOrEqual(2 ** -126);
  });

  test('works in place', () => {
    const x = seededFloats(1, 37);
    const weight = seededFloats(2, 37);
    const inPlace = onBothBuilds((workspace) => {
      const y = workspace.f32(x);
      workspace.kernels.rmsNorm(y, workspace.f32(weight), y, 37, 1, 1e-6, workspace.room(16));
      return workspace.readF32(y, 37);
    });
    expectSameBits(inPlace, norm(x, weight, 1, 1e-6).slice(0, 37));
  });
});

describe('swiglu', () => {
  const swiglu = (gate: Float32Array, up: Float32Array): Float32Array =>
    onBothBuilds((workspace) => {
      const out = workspace.room(gate.length * 4);
      workspace.kernels.swiglu(workspace.f32(gate), workspace.f32(up), out, gate.length);
      return workspace.readF32(out, gate.length);
    });

  test.each(lengths)('agrees with f64 for %d elements', (length) => {
    const gate = seededFloats(length, length, 8);
    const up = seededFloats(length + 7, length);
    const out = swiglu(gate, up);
    out.forEach((value, i) => {
      expectRelative(value, (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!, 8 * epsilon);
    });
  });

  test('has the right limits', () => {
    const gate = Float32Array.of(-1e30, -200, -87, 0, 87, 1e30, Number.NaN, Number.POSITIVE_INFINITY);
    const out = swiglu(gate, new Float32Array(8).fill(2));
    expect([...out.slice(0, 2)]).toEqual([-0, -0]);
    expectRelative(out[2]!, -174 * Math.exp(-87), 8 * epsilon);
    expect([...out.slice(3)]).toEqual([0, 174, Math.fround(2e30), Number.NaN, Number.POSITIVE_INFINITY]);
  });
});

describe('softmax', () => {
  const softmax = (x: ArrayLike<number>): Float32Array =>
    onBothBuilds((workspace) => {
      const pointer = workspace.f32(x);
      workspace.kernels.softmax(pointer, x.length);
      return workspace.readF32(pointer, x.length);
    });

  test.each([...lengths, 128_003])('agrees with f64 for %d elements', (length) => {
    const x = seededFloats(length, length, 5);
    const maximum = x.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
    const exps = Float64Array.from(x, (value) => Math.exp(value - maximum));
    const total = exps.reduce((sum, value) => sum + value, 0);
    const out = softmax(x);
    let worst = 0;
    out.forEach((value, i) => {
      const expected = exps[i]! / total;
      if (expected > 1e-30) worst = Math.max(worst, Math.abs(value - expected) / expected);
    });
    expect(worst).toBeLessThanOrEqual(80 * epsilon);
  });

  test('gives minus infinity nothing', () => {
    const never = Number.NEGATIVE_INFINITY;
    expect([...softmax([never, 1, never, never, never, 1, never])]).toEqual([0, 0.5, 0, 0, 0, 0.5, 0]);
  });
});

test.each(lengths)('addBias adds a bias of %d to each token and leaves the gap', (rows) => {
  const stride = rows + 3;
  const y = seededFloats(rows, 2 * stride);
  const bias = seededFloats(rows + 1, rows);
  const out = onBothBuilds((workspace) => {
    const pointer = workspace.f32(y);
    workspace.kernels.addBias(pointer, workspace.f32(bias), rows, 2, stride);
    return workspace.readF32(pointer, y.length);
  });
  out.forEach((value, i) => {
    expect(value).toBe(i % stride < rows ? Math.fround(y[i]! + bias[i % stride]!) : y[i]!);
  });
});
