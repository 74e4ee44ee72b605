import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HearthProcess, hearth } from '../support/hearth-process.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function tokenize(lines: readonly string[], ...flags: readonly string[]): Promise<number[][]> {
  const { stdout, code } = await new HearthProcess(['tokenize', 'built-in', ...flags])
    .input(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    .finished();
  expect(code).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as number[]);
}

describe('hearth', () => {
  test('run streams the answer to stdout and nothing else', async () => {
    const { stdout, stderr, code } = await hearth('run', 'built-in', 'What is Hearth?');
    expect(code).toBe(0);
    expect(stdout).toMatch(/devices/);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/loading 100%/);
  });

  test('run says at once, with the numbers, that memory does not suffice', { timeout: 20_000 }, async () => {
    const { stderr, code } = await hearth('run', 'built-in', 'What is Hearth?', '--memory', '1MB');
    expect(stderr).toMatch(/takes \d+ bytes for KV pages .* this device may use 0\./);
    expect(code).toBe(6);
  });

  test('logits writes float32 rows, the same for every cut', async () => {
    const files = await Promise.all(
      ['--split=1', '--split=2,1', '--split=3,1,1', '--pipeline=2,1'].map(async (cut, i) => {
        const out = join(folder, `${i}.logits`);
        const { code, stderr } = await hearth('logits', 'built-in', '--ids', '5,6,7,8', cut, '--out', out);
        expect(code, stderr).toBe(0);
        return readFileSync(out);
      }),
    );
    const inspected = await hearth('inspect', 'built-in', '--json');
    const { config } = JSON.parse(inspected.stdout) as { config: { vocabSize: number } };
    expect(files[0]!.length).toBe(4 * 4 * config.vocabSize);
    expect(new Set(files[0]!).size).toBeGreaterThan(100);
    expect(files[1]!.equals(files[0]!)).toBe(true);
    expect(files[2]!.equals(files[0]!)).toBe(true);
    expect(files[3]!.equals(files[0]!)).toBe(true);
  });

  test('tokenize answers line by line, special tokens only where asked', async () => {
    const [plain, empty] = await tokenize(['Hi <|im_end|>', '']);
    const [special] = await tokenize(['Hi <|im_end|>'], '--special', '--bos');
    expect(empty).toEqual([]);
    expect(special!.length).toBeLessThan(plain!.length);
  });

  test('list names the built-in model and what lies in the model folder', async () => {
    writeFileSync(join(folder, 'mine.gguf'), 'x');
    writeFileSync(join(folder, 'big-00001-of-00002.gguf'), 'x');
    writeFileSync(join(folder, 'big-00002-of-00002.gguf'), 'x');
    const listing = await new HearthProcess(['list', '--json'], { HEARTH_MODELS: folder }).finished();
    const names = (JSON.parse(listing.stdout) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['built-in', 'big-00001-of-00002', 'mine']);
  });

  test('key makes one that is shown once, lists it without, and removes it', async () => {
    const keys = { HEARTH_KEYS: join(folder, 'keys') };
    const key = (...args: string[]) => new HearthProcess(['key', ...args], keys).finished();
    const { stdout: text } = await key('add', 'kitchen radio');
    expect(text).toMatch(/^[\w-]{24}\n$/);
    const listed = await key('list');
    expect(listed.stdout).toMatch(/^kitchen radio +key +chat /m);
    expect((await key('list', '--json')).stdout + listed.stdout).not.toContain(text.trim());
    expect((await key('rm', 'kitchen radio')).code).toBe(0);
    expect(await key('rm', 'kitchen radio')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/USAGE/),
    });
  });

  test('inspect says why a file cannot run', async () => {
    const path = join(folder, 'mine.gguf');
    writeFileSync(path, 'not a model');
    const { code, stderr } = await hearth('inspect', path);
    expect(code).toBe(4);
    expect(stderr).toMatch(/GGUF_NOT_GGUF/);
  });
});

describe('exit codes', () => {
  test.each([
    [['nonsense', 'and', 'more'], 2, /error/],
    [['run'], 2, /missing required argument/],
    [['run', 'no-such-model', 'hi'], 3, /FILE_NOT_FOUND/],
    [['serve', '--port', 'x'], 2, /whole number/],
    [['serve', '--host', '0.0.0.0', '--port', '0'], 2, /API key/],
    [['run', 'built-in', 'hi', '--split', '1,-2'], 2, /positive number/],
    [['run', 'built-in', 'hi', '--split', '1,1', '--pipeline', '1,1'], 2, /cannot be used with/],
    [['logits', 'built-in', '--ids', '1,99999999', '--out', 'unused'], 2, /not in the vocabulary/],
    [['serve', '--secret', 'short', '--port', '0'], 2, /could be guessed/],
    [['join', 'nonsense', '--secret', 's'], 2, /USAGE/],
    [['devices', '--url', 'http://127.0.0.1:9'], 5, /no coordinator answers/],
    [['--help'], 0, /Usage/],
  ] as const)('%j ends with %i', async (args, code, message) => {
    const finished = await hearth(...args);
    expect(finished.stdout + finished.stderr).toMatch(message);
    expect(finished.code).toBe(code);
  });
});
