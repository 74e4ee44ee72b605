import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { firingHtml, firingSvg } from '../../coordinator/sparsity/firing-plot.ts';
import {
  type FiringProfile,
  profilePath,
  readProfile,
  writeProfile,
} from '../../coordinator/sparsity/firing-profile.ts';
import { firingCurve, firingReport, formatFiring } from '../../coordinator/sparsity/firing-report.ts';
import { measureFiring } from '../../coordinator/sparsity/measure-firing.ts';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import { smallShape, syntheticModel } from '../support/synthetic-model.ts';

const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
afterAll(() => rm(folder, { recursive: true }));

const profile: FiringProfile = {
  model: 'a & b',
  tokens: 10,
  counts: [
    [10, 0, 0, 0, 0],
    [1, 2, 3, 4, 0],
  ],
};

describe('a profile', () => {
  test('tells sparsity, and how few neurons have most of the firings', () => {
    const { layers, sparsity } = firingReport(profile);
    expect(layers[0]).toEqual({ layer: 0, sparsity: 0.8, hot: 0.2, silent: 0.8 });
    expect(layers[1]).toEqual({ layer: 1, sparsity: 0.8, hot: 0.6, silent: 0.2 });
    expect(sparsity).toBeCloseTo(0.8, 12);
    expect(firingCurve([1, 2, 3, 4, 0], 5)).toEqual([0, 0.4, 0.7, 0.9, 1, 1]);
    expect(formatFiring(firingReport(profile))).toMatch(/^1 +80.0 % +60.0 % +20.0 %$/m);
  });

  test('of neurons that never fire has no hot ones', () => {
    const { layers } = firingReport({ model: 'm', tokens: 3, counts: [[0, 0]] });
    expect(layers[0]).toEqual({ layer: 0, sparsity: 1, hot: 0, silent: 1 });
  });

  test('is plotted, a curve and a bar a layer, whatever the model is called', () => {
    const svg = firingSvg(profile);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|undefined/);
    const html = firingHtml({ ...profile, model: '<script>' });
    expect(html).not.toContain('<script>');
    expect(html).toContain('80.0 % of neurons did not fire');
  });

  test('is read as it was written, for a model of its shape', async () => {
    const path = profilePath(join(folder, 'model-00001-of-00003.gguf'));
    expect(path).toBe(join(folder, 'model.firing.json'));
    await writeProfile(path, profile);
    const shape = { layerCount: 2, intermediateSize: 5 };
    expect(await readProfile(path, shape)).toEqual(profile);
    await expect(readProfile(path, { ...shape, layerCount: 3 })).rejects.toThrow(
      /other neurons than the 3 × 5/,
    );
    await expect(readProfile(`${path}.none`, shape)).rejects.toThrow(/hearth profile MODEL makes it/);
    for (const text of ['', '{}', (await readFile(path, 'utf8')).replace('10,0', '11,0')]) {
      await writeFile(path, text);
      await expect(readProfile(path, shape)).rejects.toThrow(/no profile/);
    }
  });
});

test('counts gates above zero, whatever the steps', async () => {
  const bytes = await syntheticModel({ ...smallShape, type: 'Q8_0', activation: 'relu' });
  const tokens = Array.from({ length: 150 }, (_, i) => (i * 397 + 11) % smallShape.vocabSize);
  const model = await openModelFile(memorySource(bytes));
  const all = await measureFiring(model, kernelBytes, tokens);
  const { sparsity } = firingReport(all);
  expect(all.tokens).toBe(150);
  expect(sparsity).toBeGreaterThan(0.4);
  expect(sparsity).toBeLessThan(0.6);
  const first = await measureFiring(model, kernelBytes, tokens.slice(0, 7));
  expect(first.counts.flat().every((count, i) => count <= all.counts.flat()[i]!)).toBe(true);
  expect(new Set(first.counts.flat())).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
});
