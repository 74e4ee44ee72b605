import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openGguf } from '../../runtime/gguf/gguf.ts';
import { readVocabulary } from '../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { memorySource } from '../support/memory-source.ts';

/** Vectors made with llama.cpp from real vocabularies, which are too large to be part of the project. */
const folder =
  process.env.HEARTH_TEST_MODELS ?? fileURLToPath(new URL('../../../shared/models', import.meta.url));
const vocabularies: Record<string, string> = {
  'gpt-2': 'vocab/ggml-vocab-gpt-2.gguf',
  'llama-spm': 'vocab/ggml-vocab-llama-spm.gguf',
  stories260K: 'stories260K-f32.gguf',
};

interface Vector {
  readonly text: string;
  readonly ids: number[];
  readonly ids_special: number[];
  readonly ids_bos_special: number[];
  readonly detok_hex: string;
  readonly detok_special_hex: string;
}

interface Vectors {
  readonly add_bos: boolean;
  readonly add_eos: boolean;
  readonly bos: number;
  readonly eos: number;
  readonly n_vocab: number;
  readonly cases: readonly Vector[];
}

const isMissing = !existsSync(`${folder}/tok`);
if (isMissing) {
  console.log(
    `Skipping tokenizer vectors: none in ${folder}; set HEARTH_TEST_MODELS to a folder that has them.`,
  );
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

async function open(path: string): Promise<Tokenizer> {
  const file = await openGguf(memorySource(readFileSync(`${folder}/${path}`)));
  return new Tokenizer(readVocabulary(file.metadata));
}

describe.skipIf(isMissing).each(Object.entries(vocabularies))('%s', (name, path) => {
  it('gives the ids and the text that llama.cpp gives', async () => {
    const vectors: Vectors = JSON.parse(readFileSync(`${folder}/tok/${name}.json`, 'utf8'));
    const tokenizer = await open(path);
    expect(tokenizer).toMatchObject({
      size: vectors.n_vocab,
      bosId: vectors.bos,
      eosId: vectors.eos,
      addBos: vectors.add_bos,
      addEos: vectors.add_eos,
    });
    expect(vectors.cases.length).toBeGreaterThan(50);
    for (const { text, ...expected } of vectors.cases) {
      const found: Omit<Vector, 'text'> = {
        ids: tokenizer.encode(text),
        ids_special: tokenizer.encode(text, { parseSpecial: true }),
        ids_bos_special: tokenizer.encode(text, { parseSpecial: true, addBos: true }),
        detok_hex: hex(tokenizer.decode(expected.ids)),
        detok_special_hex: hex(tokenizer.decode(expected.ids_special, { special: true })),
      };
      expect(found, text).toEqual(expected);
    }
  });
});
