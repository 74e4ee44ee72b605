import { expect, test } from 'vitest';
import { limitedRates, scaledRates } from '../../device-agent/probe/measure.ts';
import { exchangeMs } from '../../runtime/plan/network.ts';

const rates = {
  kernels: { Q4_0: { decodeBytesPerSecond: 8e9, prefillFlopsPerSecond: 4e10 } },
  attentionBytesPerSecond: 6e9,
  diskBytesPerSecond: 1e9,
  syncMs: 0.1,
};
/** Of a sync, with what plans add. */
const wholeSyncMs = (processors: number, threads: number, syncThreads: number) =>
  limitedRates(rates, { processors, threads, syncThreads }).syncMs + exchangeMs;

test('a device with processors enough is as fast as it was measured to be', () => {
  expect(limitedRates(rates, { processors: 2, threads: 1, syncThreads: 1 })).toEqual(rates);
});

test('half a processor computes at half the speed, exchanges at half the speed, and reads as fast', () => {
  const limited = limitedRates(rates, { processors: 0.5, threads: 1, syncThreads: 0 });
  expect(limited.kernels.Q4_0).toEqual({ decodeBytesPerSecond: 4e9, prefillFlopsPerSecond: 2e10 });
  expect([limited.attentionBytesPerSecond, limited.diskBytesPerSecond]).toEqual([3e9, 1e9]);
  expect(wholeSyncMs(0.5, 1, 0)).toBeCloseTo(2 * (rates.syncMs + exchangeMs));
});

test('how fast a GPU is does not depend on processors', () => {
  const gpu = { name: 'GPU', memoryBytes: 1e9, syncMs: 0.2, kernels: rates.kernels };
  const limited = limitedRates({ ...rates, gpu }, { processors: 0.5, threads: 1, syncThreads: 0 });
  expect(limited.gpu).toEqual(gpu);
  // Unlike a device that rests.
  expect(scaledRates({ ...rates, gpu }, 0.5).gpu!.kernels.Q4_0!.decodeBytesPerSecond).toBe(4e9);
});

test('a hub in the same process takes its part of a sync, and none of the computing', () => {
  const limited = limitedRates(rates, { processors: 1, threads: 1, syncThreads: 1 });
  expect(limited.kernels).toEqual(rates.kernels);
  expect(wholeSyncMs(1, 1, 1)).toBeCloseTo(2 * (rates.syncMs + exchangeMs));
});
