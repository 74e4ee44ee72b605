import { describe, expect, it } from 'vitest';
import { candidates, chooseFile, quantOf } from '../../coordinator/pull/choose-file.ts';
import type { HubFile } from '../../coordinator/pull/hub.ts';
import { checkedFileName } from '../../coordinator/pull/model-paths.ts';
import { hubEndpoint, parseReference } from '../../coordinator/pull/reference.ts';

const endpoint = hubEndpoint(undefined);
const refused = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('a reference', () => {
  it.each([
    ['hf:user/repo', { kind: 'hub', repo: 'user/repo' }],
    ['hf:user/repo-GGUF:q4_k_m', { kind: 'hub', repo: 'user/repo-GGUF', quant: 'q4_k_m' }],
    ['hf:user/repo/file.gguf', { kind: 'hub', repo: 'user/repo', file: 'file.gguf' }],
    ['hf:user/repo/Q8_0/a b.gguf', { kind: 'hub', repo: 'user/repo', file: 'Q8_0/a b.gguf' }],
    ['https://x.test/a.gguf?b=c', { kind: 'url', url: new URL('https://x.test/a.gguf?b=c') }],
    ['https://huggingface.co/u/r/blob/main/f.gguf', { kind: 'hub', repo: 'u/r', file: 'f.gguf' }],
    [
      'https://huggingface.co/u/r/resolve/main/d/f.gguf?download=true',
      { kind: 'hub', repo: 'u/r', file: 'd/f.gguf' },
    ],
    ['https://huggingface.co/u/r/resolve/v1/f.gguf', expect.objectContaining({ kind: 'url' })],
  ])('%s', (text, reference) => {
    expect(parseReference(text, endpoint)).toEqual(reference);
  });

  it.each([
    'hf:user',
    'hf:../repo',
    'hf:user/..',
    'hf:user/repo/../../x.gguf',
    'hf:user/repo/',
    'hf:user/repo/file.bin',
    'hf:user/repo:Q4?x',
    'http://x.test/a.gguf',
    'ftp://x.test/a.gguf',
    'https://user:word@x.test/a.gguf',
    'nonsense',
  ])('%s is none', (text) => {
    expect(() => parseReference(text, endpoint)).toThrow(refused('USAGE'));
  });

  it('says nothing of a password', () => {
    expect(() => parseReference('https://me:word@x.test/a.gguf', endpoint)).toThrow(/^(?!.*word@)/);
  });

  it('is on the hub that the user has chosen', () => {
    expect(hubEndpoint('http://127.0.0.1:8080/hf').href).toBe('http://127.0.0.1:8080/hf');
    expect(() => hubEndpoint('file:///x')).toThrow(refused('USAGE', /HF_ENDPOINT/));
  });
});

describe('a file name', () => {
  it.each(['a.gguf', 'Llama-3.2-1B Instruct_Q4.gguf', 'modèle.gguf', '模型.gguf'])('may be %s', (name) => {
    expect(checkedFileName(name)).toBe(name);
  });

  it.each([
    '../a.gguf',
    'a/b.gguf',
    'a\\b.gguf',
    '..gguf',
    '.hidden.gguf',
    '-rf.gguf',
    'a\n.gguf',
    'a\u202e.gguf',
    'C:a.gguf',
    'a.gguf.exe',
    'a.bin',
    '',
    `${'x'.repeat(200)}.gguf`,
  ])('may not be %j', (name) => {
    expect(() => checkedFileName(name)).toThrow(refused('PULL_REFUSED'));
  });
});

describe('choosing a file', () => {
  const files = (...paths: string[]): HubFile[] => paths.map((path, i) => ({ path, bytes: (i + 1) * 1e6 }));
  const choose = (all: HubFile[], wanted = {}) =>
    chooseFile('u/r', all, wanted).files.map(({ path }) => path);
  const usual = files(
    'README.md',
    'model-Q4_0.gguf',
    'model-Q4_K_M.gguf',
    'model-Q8_0.gguf',
    'mmproj-model-f16.gguf',
    'model.imatrix.gguf',
    'big/model-BF16-00001-of-00002.gguf',
    'big/model-BF16-00002-of-00002.gguf',
  );

  it.each([
    ['model-Q4_K_M.gguf', 'Q4_K_M'],
    ['model.q4_0.gguf', 'Q4_0'],
    ['Model-8B-Instruct-IQ3_XXS.gguf', 'IQ3_XXS'],
    ['model-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
    ['model-bf16-00001-of-00003.gguf', 'BF16'],
    ['model_f16.gguf', 'F16'],
    ['Q4_K_M/model-Q5_K_S.gguf', 'Q5_K_S'],
    ['qwen2.gguf', undefined],
    ['model.gguf', undefined],
  ])('%s is %s', (path, quant) => {
    expect(quantOf(path)).toBe(quant);
  });

  it.each([
    ['the usual one', usual, {}, ['model-Q4_K_M.gguf']],
    ['Q4_0 where there is no Q4_K_M', files('a-Q8_0.gguf', 'a-Q4_0.gguf'), {}, ['a-Q4_0.gguf']],
    ['the only one', files('a-Q8_0.gguf', 'mmproj-a.gguf'), {}, ['a-Q8_0.gguf']],
    ['the one of a type, in any case', usual, { quant: 'q8_0' }, ['model-Q8_0.gguf']],
    [
      'all parts of a split one',
      usual,
      { quant: 'BF16' },
      ['big/model-BF16-00001-of-00002.gguf', 'big/model-BF16-00002-of-00002.gguf'],
    ],
    [
      'all parts by the name of any',
      usual,
      { file: 'big/model-BF16-00002-of-00002.gguf' },
      ['big/model-BF16-00001-of-00002.gguf', 'big/model-BF16-00002-of-00002.gguf'],
    ],
    ['a file by its name', usual, { file: 'model-Q4_0.gguf' }, ['model-Q4_0.gguf']],
  ])('takes %s', (_, all, wanted, expected) => {
    expect(choose(all, wanted)).toEqual(expected);
  });

  it.each([
    [
      'several',
      files('a-Q8_0.gguf', 'a-Q6_K.gguf'),
      {},
      /several models.*\n {2}hf:u\/r\/a-Q8_0\.gguf {2}1\.0 MB\n.*2\.0 MB$/s,
    ],
    ['none of a type', usual, { quant: 'Q2_K' }, /nothing of Q2_K/],
    ['several of a type', files('a-Q8_0.gguf', 'b-Q8_0.gguf'), { quant: 'Q8_0' }, /several of Q8_0/],
    ['no such file', usual, { file: 'x.gguf' }, /no file x\.gguf/],
    ['no models', files('model.safetensors', 'mmproj.gguf'), {}, /no GGUF models/],
  ])('fails where there are %s', (_, all, wanted, message) => {
    expect(() => choose(all, wanted)).toThrow(refused('USAGE', message));
  });

  it('leaves out a split model that is not all there', () => {
    expect(candidates(files('a-00001-of-00003.gguf', 'a-00003-of-00003.gguf', 'b.gguf'))).toMatchObject([
      { path: 'b.gguf' },
    ]);
  });
});
