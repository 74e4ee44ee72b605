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

const logitsOf = async (model: string, ...args: string[]) => {
  const { code, stderr } = await hearth('logits', file(model), '--ids', '1,2,3,4', ...args);
  expect(code, stderr).toBe(0);
  return readFileSync(args.at(-1)!);
};

test('predictors are trained, written into the model, held against it, and used where asked for', {
  timeout: 120_000,
}, async () => {
  const train = (...args: string[]) => hearth('profile', file('relu.gguf'), '--train-predictor', ...args);
  const few = await train('--tokens', '100');
  expect(few.code).toBe(2);
  expect(few.stderr).toMatch(/256 tokens at least/);
  const trained = await train('--json');
  expect(trained.code, trained.stderr).toBe(0);
  const { predictors } = JSON.parse(trained.stdout);
  expect(predictors).toMatchObject({ path: file('relu.predictors') });
  expect(predictors.layers).toHaveLength(2);

  const never = await hearth(
    'sparsify',
    file('relu.gguf'),
    file('predicted.gguf'),
    '--predictors',
    file('none'),
  );
  expect(never.stderr).toMatch(/there is no file .*none: hearth profile MODEL --train-predictor/);
  const written = await hearth('sparsify', file('relu.gguf'), file('predicted.gguf'), '--predictors');
  expect(written.code, written.stderr).toBe(0);
  const exact = await logitsOf('predicted.gguf', '--out', file('unpredicted.bin'));
  const predict = (...args: string[]) => logitsOf('predicted.gguf', '--predict', ...args);
  expect((await predict('--out', file('some.bin'))).equals(exact)).toBe(false);
  expect((await predict('--predict-threshold', '-64', '--out', file('all.bin'))).equals(exact)).toBe(true);
});

test('a model without a ReLU gate has cuts, which are used where asked for', {
  timeout: 60_000,
}, async () => {
  writeFileSync(file('text.txt'), 'a few words to be read by a model whose neurons all count');
  const refused = await hearth('profile', file('silu.gguf'), '--train-predictor');
  expect(refused.stderr).toMatch(/this one has SwiGLU/);
  const profiled = await hearth(
    'profile',
    file('silu.gguf'),
    '--text',
    file('text.txt'),
    '--sparsity',
    '0.6',
  );
  expect(profiled.code, profiled.stderr).toBe(0);
  expect(profiled.stdout).toMatch(/SwiGLU.*60 %/);
  const { code, stderr } = await hearth('sparsify', file('silu.gguf'), file('cut.gguf'));
  expect(code, stderr).toBe(0);

  const exact = await logitsOf('cut.gguf', '--out', file('exact.bin'));
  const cut = await logitsOf('cut.gguf', '--predict', '--out', file('cut.bin'));
  expect(cut.equals(exact)).toBe(false);
  expect(
    (await logitsOf('cut.gguf', '--predict', '--split', '1,1', '--out', file('two.bin'))).equals(cut),
  ).toBe(true);
  expect((await logitsOf('cut.gguf', '--predict', '--exact', '--out', file('off.bin'))).equals(exact)).toBe(
    true,
  );

  const none = await hearth('run', file('silu.gguf'), 'hello', '--predict');
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/cannot be predicted: it has no predictors/);
  const answer = await hearth('run', file('cut.gguf'), 'hello', '--predict', '--max-tokens', '2', '--json');
  expect(JSON.parse(answer.stdout)).toMatchObject({ notExact: 'neurons with small gates were left out' });

  const evaluated = await hearth(
    'profile',
    file('cut.gguf'),
    '--evaluate',
    '--text',
    file('text.txt'),
    '--json',
  );
  const { evaluations } = JSON.parse(evaluated.stdout);
  expect(evaluations).toMatchObject([{ exact: true, agreement: 1, neuronRows: 1 }, { exact: false }]);
  expect(evaluations[1].neuronRows).toBeCloseTo(0.4, 1);
});
