import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hearth } from '../support/hearth-process.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = ['-p', '9', '-n', '2', '-r', '2', '-t', '1'];

describe('hearth bench', () => {
  test('prints what it measured of the built-in model as JSON', async () => {
    const { code, stdout, stderr } = await hearth('bench', ...tiny, '-d', '3', '--json');
    expect(code, stderr).toBe(0);
    const rate = (tokens: number) => ({
      tokens,
      medianTokensPerSecond: expect.any(Number),
      minTokensPerSecond: expect.any(Number),
      maxTokensPerSecond: expect.any(Number),
      ...(process.platform === 'linux' && { diskBytesPerToken: expect.any(Number) }),
    });
    const report = JSON.parse(stdout);
    expect(report).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      model: 'hearth-ember',
      weightBytes: expect.any(Number),
      ranks: 1,
      threads: 1,
      kv: 'f16',
      depth: 3,
      repetitions: 2,
      kernels: expect.stringMatching(/^(relaxed|baseline)$/),
      hardware: { cpu: expect.any(String), cores: expect.any(Number) },
      loadSeconds: expect.any(Number),
      peakMemoryBytes: expect.any(Number),
      prefill: rate(9),
      decode: rate(2),
    });
    expect(report.peakMemoryBytes - report.weightBytes).toBeLessThan(150e6);
    const { minTokensPerSecond, medianTokensPerSecond, maxTokensPerSecond } = report.decode;
    expect(minTokensPerSecond).toBeGreaterThan(0);
    expect(medianTokensPerSecond).toBeGreaterThanOrEqual(minTokensPerSecond);
    expect(maxTokensPerSecond).toBeGreaterThanOrEqual(medianTokensPerSecond);
  });

  test('says where the time goes, on stderr beside what programs read, and in a file', async () => {
    const file = join(folder, 'trace.json');
    const { code, stdout, stderr } = await hearth('bench', ...tiny, '-t', '2', '--profile', file, '--json');
    expect(code, stderr).toBe(0);
    const { decode } = JSON.parse(stdout);
    expect(stderr).toMatch(/^prefill: 18 tokens in 2 steps/m);
    expect(stderr).toMatch(/^decode: 4 tokens in 4 steps/m);
    expect(stderr).toMatch(/^gate, up +- +[\d.]+ +[\d.]+% +[\d.]+ +[\d.]+%$/m);
    // The tables' time is that of the rates.
    const totals = [...stderr.matchAll(/^total +([\d.]+) 100\.0%/gm)].map(([, us]) => Number(us));
    expect(1e6 / totals[1]!).toBeGreaterThan(0.9 * decode.minTokensPerSecond);
    expect(1e6 / totals[1]!).toBeLessThan(1.1 * decode.maxTokensPerSecond);
    const { traceEvents } = JSON.parse(readFileSync(file, 'utf8'));
    const rows = new Set(traceEvents.map(({ pid, tid }: { pid: number; tid: number }) => `${pid} ${tid}`));
    expect(rows).toEqual(new Set(['0 0', '0 1', '1 0', '1 1']));
  });

  test('measures nothing if its profile cannot be written', async () => {
    const { code, stderr } = await hearth('bench', ...tiny, '--profile', join(folder, 'no', 'such.json'));
    expect(stderr).toMatch(/cannot write .*such\.json: ENOENT/);
    expect(stderr).not.toMatch(/loading/);
    expect(code).not.toBe(0);
  });

  test('measures several ranks, and prints a table', async () => {
    const { code, stdout } = await hearth('bench', 'built-in', ...tiny, '--split', '2,1', '--kv', 'f32');
    expect(code).toBe(0);
    expect(stdout).toMatch(/2 ranks of 1 thread, \w+ kernels, KV f32/);
    expect(stdout).toMatch(/^decode 2 +\d+\.\d\d/m);
  });

  test.each([
    [['bench', '--synthetic', 'nonsense'], /tinyllama-1\.1b, tinyllama-1\.1b-relu, llama-3\.2-1b/],
    [['bench', 'built-in', '--synthetic', 'llama-3.2-1b:Q4_0'], /not both/],
    [['bench', '-n', '0'], /whole number/],
    [['bench', '--output', 'xml'], /table, csv, json/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = await hearth(...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('hearth quantize', () => {
  test('writes a model that then answers', async () => {
    const out = join(folder, 'ember.gguf');
    const { code, stdout, stderr } = await hearth(
      'quantize',
      'built-in',
      out,
      'q4_0',
      '--json',
      '--threads',
      '2',
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/writing Q4_0 100%/);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ file: out, type: 'Q4_0', tensors: { F32: expect.any(Number) } });
    expect(summary.tensors.Q4_0).toBeGreaterThan(5);
    expect(readdirSync(folder).filter((name) => name.startsWith('ember'))).toEqual(['ember.gguf']);
    const answer = await hearth('run', out, 'What is Hearth?', '--max-tokens', '8', '--threads', '1');
    expect(answer.code, answer.stderr).toBe(0);
    expect(answer.stdout.trim().length).toBeGreaterThan(5);

    const again = await hearth('quantize', 'built-in', out, 'q4_0');
    expect(again.stderr).toMatch(/--force/);
    expect(again.code).toBe(2);
  });

  test('says which types there are', async () => {
    const { code, stderr } = await hearth('quantize', 'built-in', join(folder, 'x.gguf'), 'Q1');
    expect(stderr).toMatch(/Q4_K_M/);
    expect(code).toBe(2);
  });
});
