import { describe, expect, it } from 'vitest';
import { Metadata } from '../../runtime/gguf/metadata.ts';
import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { readVocabulary } from '../../runtime/tokenizer/gguf-vocabulary.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { smallSpm } from './small-vocabularies.ts';

const spm = smallSpm();

function metadata(changes: Record<string, MetadataValue> = {}): Metadata {
  const values: Record<string, MetadataValue> = {
    'general.name': { type: 'string', value: 'small' },
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'string[]', value: spm.tokens },
    'tokenizer.ggml.scores': { type: 'float32[]', value: Float32Array.from(spm.scores!) },
    'tokenizer.ggml.token_type': { type: 'int32[]', value: Int32Array.from(spm.tokenTypes!) },
    'tokenizer.ggml.bos_token_id': { type: 'uint32', value: 1 },
    'tokenizer.ggml.eos_token_id': { type: 'uint32', value: 2 },
    'tokenizer.ggml.add_space_prefix': { type: 'bool', value: false },
    'tokenizer.chat_template': { type: 'string', value: '{{ bos_token }}' },
    ...changes,
  };
  return new Metadata(new Map(Object.entries(values)));
}

describe('readVocabulary', () => {
  it('reads what a tokenizer needs', () => {
    const tokenizer = new Tokenizer(readVocabulary(metadata()));
    expect(tokenizer).toMatchObject({
      model: 'llama',
      size: spm.tokens.length,
      bosId: 1,
      eosId: 2,
      addBos: true,
      addSpacePrefix: false,
      chatTemplate: '{{ bos_token }}',
    });
    const expected = new Tokenizer(smallSpm({ addSpacePrefix: false }));
    expect(tokenizer.encode('Hello world')).toEqual(expected.encode('Hello world'));
  });

  it('passes over special ids outside the vocabulary', () => {
    const nonsense = metadata({
      'tokenizer.ggml.eot_token_id': { type: 'uint32', value: 0xffff_ffff },
      'tokenizer.ggml.eom_token_id': { type: 'int32', value: -1 },
    });
    expect(readVocabulary(nonsense)).toMatchObject({ eotId: undefined, eomId: undefined });
  });

  it('refuses other kinds of tokenizers', () => {
    const bert = metadata({ 'tokenizer.ggml.model': { type: 'string', value: 'bert' } });
    expect(() => readVocabulary(bert)).toThrow(expect.objectContaining({ code: 'TOKENIZER_UNSUPPORTED' }));
  });

  it('refuses values of the wrong type', () => {
    const wrong = metadata({ 'tokenizer.ggml.tokens': { type: 'string', value: 'a' } });
    expect(() => readVocabulary(wrong)).toThrow(expect.objectContaining({ code: 'MODEL_BAD_METADATA' }));
  });
});
