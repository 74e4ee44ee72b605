import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hearth } from '../support/hearth-process.ts';
import { smallShape, syntheticModel } from '../support/synthetic-model.ts';

let folder: string;
const file = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-sparsity-'));
  const shape = { ...smallShape, type: 'Q8_0', contextLength: 64 } as const;
  writeFileSync(file('relu.gguf'), await syntheticModel({ ...shape, activation: 'relu' }));
  writeFileSync(file('silu.gguf'), await syntheticModel(shape));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a model is profiled, sparsified, and answers', { timeout: 60_000 }, async () => {
  const early = await hearth('sparsify', file('relu.gguf'), file('sparse.gguf'));
  expect(early.code).toBe(3);
  expect(early.stderr).toMatch(/relu\.firing\.json cannot be read: hearth profile MODEL makes it/);

  const profiled = await hearth('profile', file('relu.gguf'), '--tokens', '70', '--json');
  expect(profiled.code, profiled.stderr).toBe(0);
  const report = JSON.parse(profiled.stdout);
  expect(report).toMatchObject({ profile: file('relu.firing.json'), activation: 'relu', tokens: 70 });
  expect(report.layers).toHaveLength(2);
  expect(readFileSync(file('relu.firing.svg'), 'utf8')).toMatch(/^<svg /);
  expect(readFileSync(file('relu.firing.html'), 'utf8')).toContain('<h1>Neurons of relu</h1>');

  const sparsified = await hearth('sparsify', file('relu.gguf'), file('sparse.gguf'), '--threads', '1');
  expect(sparsified.code, sparsified.stderr).toBe(0);
  expect(sparsified.stdout).toMatch(/sparse\.gguf: .* of its neurons \d+ % need not be read/);

  const logits = async (...args: string[]) => {
    const { code, stderr } = await hearth('logits', file('sparse.gguf'), '--ids', '1,2,3,4', ...args);
    expect(code, stderr).toBe(0);
    return readFileSync(args.at(-1)!);
  };
  const alone = await logits('--out', file('1.bin'));
  expect(alone.length).toBe(4 * smallShape.vocabSize * 4);
  expect((await logits('--split', '1,1', '--out', file('2.bin'))).equals(alone)).toBe(true);
});

test('a model without a ReLU gate is profiled, and not sparsified', { timeout: 30_000 }, async () => {
  writeFileSync(file('text.txt'), 'a few words');
  const profiled = await hearth('profile', file('silu.gguf'), '--text', file('text.txt'));
  expect(profiled.code, profiled.stderr).toBe(0);
  expect(profiled.stdout).toContain('SwiGLU');
  const { code, stderr } = await hearth('sparsify', file('silu.gguf'), file('none.gguf'));
  expect(code).toBe(4);
  expect(stderr).toContain('MODEL_UNSUPPORTED');
});
