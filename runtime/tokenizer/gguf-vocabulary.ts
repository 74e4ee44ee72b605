import { HearthError } from '../error.ts';
import type { Metadata } from '../gguf/metadata.ts';
import type { VocabularyDescription } from './vocabulary.ts';

const MAX_U32 = 0xffff_ffff;

/**
 * The tokenizer that a GGUF file holds under `tokenizer.ggml.*`, not yet checked: the Tokenizer does that.
 *
 * @throws HearthError TOKENIZER_UNSUPPORTED if it is of a kind that Hearth does not know, MODEL_BAD_METADATA if a
 *   value is missing or of the wrong type
 */
export function readVocabulary(metadata: Metadata): VocabularyDescription {
  const model = metadata.string('tokenizer.ggml.model');
  if (model !== 'llama' && model !== 'gpt2') {
    throw new HearthError(
      'TOKENIZER_UNSUPPORTED',
      `The model's tokenizer is of the kind "${model}". Supported kinds: llama, gpt2.`,
      { model },
    );
  }
  const tokens = metadata.strings('tokenizer.ggml.tokens');
  /** Converters write nonsense such as 2^32 - 1 for a token that is missing; llama.cpp passes over it too. */
  const id = (name: string): number | undefined => {
    const value = metadata.optionalInteger(`tokenizer.ggml.${name}_token_id`, { min: -1, max: MAX_U32 });
    return value !== undefined && value >= 0 && value < tokens.length ? value : undefined;
  };
  return {
    model,
    pre: metadata.optionalString('tokenizer.ggml.pre'),
    tokens,
    malformedTokens: metadata.malformedStrings('tokenizer.ggml.tokens'),
    scores: metadata.optionalNumbers('tokenizer.ggml.scores'),
    tokenTypes: metadata.optionalNumbers('tokenizer.ggml.token_type'),
    merges: metadata.optionalStrings('tokenizer.ggml.merges'),
    bosId: id('bos'),
    eosId: id('eos'),
    eotId: id('eot'),
    eomId: id('eom'),
    unknownId: id('unknown'),
    addBos: metadata.optionalBoolean('tokenizer.ggml.add_bos_token'),
    addEos: metadata.optionalBoolean('tokenizer.ggml.add_eos_token'),
    addSpacePrefix: metadata.optionalBoolean('tokenizer.ggml.add_space_prefix'),
    modelName: metadata.optionalString('general.name'),
    chatTemplate: metadata.optionalString('tokenizer.chat_template'),
  };
}
