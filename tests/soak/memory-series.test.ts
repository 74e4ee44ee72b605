import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.ts';
import { trendOf } from './memory-series.ts';

const times = Array.from({ length: 240 }, (_, i) => i * 15_000);
const hourMs = 3.6e6;

/** Bytes over an hour, with noise and a peak now and then. */
function series(bytesAt: (ms: number) => number): number[] {
  const random = new Random(4);
  return times.map((ms, i) => bytesAt(ms) + 2e6 * random.normal() + (i % 40 === 3 ? 40e6 : 0));
}

describe('what a process takes of memory', () => {
  it.each([
    ['stays', () => 90e6, true],
    ['rises at first', (ms: number) => 90e6 + 30e6 * Math.min(1, ms / (0.4 * hourMs)), true],
    ['falls', (ms: number) => 120e6 - (30e6 * ms) / hourMs, true],
    ['grows', (ms: number) => 90e6 + (16e6 * ms) / hourMs, false],
  ])('%s', (_, bytesAt, isFlat) => {
    expect(trendOf(times, series(bytesAt), 3e6).isFlat).toBe(isFlat);
  });

  it('is told per hour', () => {
    const { perHour } = trendOf(
      times,
      series((ms) => 90e6 + (16e6 * ms) / hourMs),
      3e6,
    );
    expect(perHour).toBeGreaterThan(12e6);
    expect(perHour).toBeLessThan(20e6);
  });

  it('is not called flat where hardly anything was seen', () => {
    expect(trendOf([0, 1, 2], [5, 5, 5], 3e6).isFlat).toBe(false);
  });
});
