import { expect, it } from 'vitest';
import { type BenchReport, formatReport } from '../../coordinator/bench/report.ts';

const rate = (tokens: number, median: number) => ({
  tokens,
  medianTokensPerSecond: median,
  minTokensPerSecond: median - 1,
  maxTokensPerSecond: median + 1,
  diskBytesPerToken: 2_500_000,
});

const report: BenchReport = {
  version: '1.2.3',
  model: 'a "model", small',
  weightBytes: 1_500_000,
  ranks: 2,
  threads: 1,
  kv: 'f16',
  depth: 64,
  repetitions: 5,
  kernels: 'relaxed',
  hardware: { cpu: 'Some CPU', cores: 8 },
  loadSeconds: 1.25,
  peakMemoryBytes: 1_600_000,
  prefill: rate(128, 500),
  decode: rate(32, 40.125),
};

it('prints JSON as it is', () => {
  expect(JSON.parse(formatReport(report, 'json'))).toEqual(report);
});

it('prints a table for people', () => {
  const text = formatReport(report, 'table');
  expect(text).toContain('a "model", small, 1.5 MB of weights');
  expect(text).toContain('2 ranks of 1 thread, relaxed kernels, KV f16');
  expect(text).toContain('1.25 s');
  expect(text).toContain('1.6 MB\n');
  expect(text).toMatch(/prefill 128 +500\.00 +499\.00 to 501\.00 +2\.5 MB/);
  expect(text).toMatch(/decode 32 after 64 +40\.13 +39\.13 to 41\.13/);
});

it('prints one line of CSV a test', () => {
  const [names, prefill, decode, end] = formatReport(report, 'csv').split('\n');
  expect(names!.split(',')).toHaveLength(19);
  expect(prefill).toMatch(
    /^1\.2\.3,"a ""model"", small",1500000,.*,1\.25,1600000,Some CPU,8,prefill,128,500,499,501,2500000$/,
  );
  expect(decode).toMatch(/,decode,32,40\.125,39\.125,41\.125,2500000$/);
  expect(end).toBe('');
});

it('leaves out what the system did not tell', () => {
  const silent = { ...report, decode: { ...report.decode, diskBytesPerToken: undefined } };
  expect(JSON.parse(formatReport(silent, 'json')).decode).not.toHaveProperty('diskBytesPerToken');
  expect(formatReport(silent, 'table')).toMatch(/^decode .* 41\.13 +-$/m);
  expect(formatReport(silent, 'csv')).toMatch(/,41\.125,\n$/);
});
