import { describe, expect, test } from 'vitest';
import { bitsOf, onBothBuilds, seededRandom, Workspace } from './support.ts';

const ulp = 2 ** -52;
const epsilon = 2 ** -24;

/** Evaluates on both builds, which must agree bit for bit. */
function evaluate(name: 'exp' | 'log' | 'sin' | 'cos', inputs: Float64Array): Float64Array {
  return onBothBuilds(({ kernels }) => inputs.map((x) => kernels[name](x)));
}

function samples(seed: number, from: number, to: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: 20_000 }, () => from + random() * (to - from));
}

function worstRelative(actual: Float64Array, expected: (i: number) => number): number {
  return actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value / expected(i) - 1)), 0);
}

describe('f64 functions against the host (whose own error is below 1 ulp)', () => {
  test.each([
    [-1, 1],
    [-700, 700],
  ])('exp on [%d, %d]', (from, to) => {
    const x = samples(1, from, to);
    expect(worstRelative(evaluate('exp', x), (i) => Math.exp(x[i]!))).toBeLessThanOrEqual(2 * ulp);
  });

  test.each([
    [0.5, 2],
    [1e-9, 1e9],
  ])('log on [%d, %d]', (from, to) => {
    const x = samples(2, from, to);
    expect(worstRelative(evaluate('log', x), (i) => Math.log(x[i]!))).toBeLessThanOrEqual(2 * ulp);
  });

  test.each([1, 100, 1e6, 2 ** 27])('sin and cos on ±%d', (limit) => {
    const x = samples(3, -limit, limit);
    const sines = evaluate('sin', x);
    const cosines = evaluate('cos', x);
    x.forEach((value, i) => {
      expect(Math.abs(sines[i]! - Math.sin(value))).toBeLessThanOrEqual(ulp);
      expect(Math.abs(cosines[i]! - Math.cos(value))).toBeLessThanOrEqual(ulp);
    });
  });

  test('sin is next to exact beside multiples of π', () => {
    const x = Float64Array.from({ length: 1000 }, (_, n) => Math.PI * (n + 1) * 40_000);
    evaluate('sin', x).forEach((value, i) => {
      expect(Math.abs(value - Math.sin(x[i]!))).toBeLessThanOrEqual(2 ** -70);
    });
  });

  test('pow at the frequencies of rotary embeddings', () => {
    const { kernels } = new Workspace('baseline');
    for (const base of [10_000, 500_000, 1_000_000]) {
      for (let i = 0; i < 128; i++) {
        const y = (-2 * i) / 256;
        const tolerance = (Math.abs(y * Math.log(base)) + 2) * ulp;
        expect(Math.abs(kernels.pow(base, y) / base ** y - 1)).toBeLessThanOrEqual(tolerance);
      }
    }
  });

  test('have the right special values', () => {
    const { exp, log, pow, sin, cos } = new Workspace('baseline').kernels;
    const infinity = Number.POSITIVE_INFINITY;
    expect([exp(0), exp(-infinity), exp(infinity), exp(710), exp(-746), exp(Number.NaN)]).toEqual([
      1,
      0,
      infinity,
      infinity,
      0,
      Number.NaN,
    ]);
    expect(exp(-740)).toBeCloseTo(Math.exp(-740), 320);
    expect(exp(709.7)).toBeLessThan(infinity);
    expect([log(1), log(0), log(infinity), log(-1), log(Number.NaN)]).toEqual([
      0,
      -infinity,
      infinity,
      Number.NaN,
      Number.NaN,
    ]);
    expect(log(5e-324)).toBeCloseTo(Math.log(5e-324), 10);
    expect([pow(7, 0), pow(0, 2), pow(1, 9), pow(0, 0)]).toEqual([1, 0, 1, 1]);
    expect([sin(0), cos(0), sin(2 ** 28), cos(infinity), sin(Number.NaN)]).toEqual([
      0,
      1,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });
});

describe('f32 exponential', () => {
  /**
   * e^x out of a softmax-free kernel: swiglu gives x / (1 + e^-x), softmax e^(x − max) / total with max = 0.
   */
  test('is within 3 · 2^-24 from −87.25 to 0', () => {
    const x = Float32Array.from(samples(4, -87.25, 0));
    let worst = 0;
    const out = onBothBuilds((workspace) => {
      const results = new Float32Array(x.length);
      for (let i = 0; i < x.length; i += 1000) {
        // Beside a 0, whose exponential is 1: the quotient of two outputs is e^x, whatever the total.
        const pointer = workspace.f32([0, ...x.subarray(i, i + 1000)]);
        workspace.kernels.softmax(pointer, 1001);
        results.set(
          workspace
            .readF32(pointer, 1001)
            .subarray(1)
            .map((value) => value / workspace.readF32(pointer, 1)[0]!),
          i,
        );
      }
      return results;
    });
    out.forEach((value, i) => {
      const expected = Math.exp(x[i]!);
      if (expected > 2 ** -115) worst = Math.max(worst, Math.abs(value / expected - 1));
    });
    // Two more roundings than the exponential itself: times 1 / total, and the quotient.
    expect(worst).toBeLessThanOrEqual((3 + 2) * epsilon);
    expect(worst).toBeGreaterThan(0);
    expect(bitsOf(out).length).toBe(x.length * 4);
  });
});
