import type { MetadataValue } from '../../runtime/gguf/value.ts';
import type { SyntheticModelOptions } from './synthetic-model.ts';
import type { SyntheticVocabulary } from './synthetic-vocabulary.ts';

/** ChatML. */
const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

type Entry = readonly [key: string, value: MetadataValue];

const uint32 = (key: string, value: number): Entry => [key, { type: 'uint32', value }];
const float32 = (key: string, value: number): Entry => [key, { type: 'float32', value }];
const string = (key: string, value: string): Entry => [key, { type: 'string', value }];

/** Metadata with the keys, the types and the order of llama.cpp's converter. */
export function syntheticMetadata(
  model: SyntheticModelOptions,
  vocabulary: SyntheticVocabulary,
): ReadonlyMap<string, MetadataValue> {
  const { architecture } = model;
  return new Map([
    string('general.architecture', architecture),
    string('general.type', 'model'),
    string('general.name', `Synthetic ${architecture}`),
    uint32(`${architecture}.block_count`, model.layerCount),
    uint32(`${architecture}.context_length`, model.contextLength),
    uint32(`${architecture}.embedding_length`, model.hiddenSize),
    uint32(`${architecture}.feed_forward_length`, model.intermediateSize),
    uint32(`${architecture}.attention.head_count`, model.headCount),
    uint32(`${architecture}.attention.head_count_kv`, model.kvHeadCount),
    uint32(`${architecture}.attention.key_length`, model.headDim),
    uint32(`${architecture}.attention.value_length`, model.headDim),
    float32(`${architecture}.attention.layer_norm_rms_epsilon`, 1e-5),
    uint32(`${architecture}.rope.dimension_count`, model.headDim),
    float32(`${architecture}.rope.freq_base`, 10000),
    ...scalingMetadata(model),
    ...(model.activation === 'silu' ? [] : [string(`${architecture}.hidden_activation`, model.activation)]),
    uint32(`${architecture}.vocab_size`, model.vocabSize),
    uint32('general.quantization_version', 2),
    ...tokenizerMetadata(model, vocabulary),
  ]);
}

function scalingMetadata({ architecture, ropeScaling }: SyntheticModelOptions): Entry[] {
  if (ropeScaling.kind === 'none') return [];
  const prefix = `${architecture}.rope.scaling`;
  const entries = [
    string(`${prefix}.type`, ropeScaling.kind),
    float32(`${prefix}.factor`, ropeScaling.factor),
  ];
  if (ropeScaling.kind === 'yarn') {
    entries.push(
      uint32(`${prefix}.original_context_length`, ropeScaling.originalContextLength),
      float32(`${prefix}.attn_factor`, ropeScaling.attentionFactor),
      float32(`${prefix}.yarn_beta_fast`, ropeScaling.betaFast),
      float32(`${prefix}.yarn_beta_slow`, ropeScaling.betaSlow),
    );
  }
  return entries;
}

function tokenizerMetadata(model: SyntheticModelOptions, vocabulary: SyntheticVocabulary): Entry[] {
  const strings = (key: string, value: readonly string[]): Entry => [key, { type: 'string[]', value }];
  const { tokens, tokenTypes, merges, scores } = vocabulary;
  const entries = [
    string('tokenizer.ggml.model', merges ? 'gpt2' : 'llama'),
    string('tokenizer.ggml.pre', preTokenizer(model)),
    strings('tokenizer.ggml.tokens', tokens),
  ];
  if (scores)
    entries.push(['tokenizer.ggml.scores', { type: 'float32[]', value: Float32Array.from(scores) }]);
  entries.push(['tokenizer.ggml.token_type', { type: 'int32[]', value: Int32Array.from(tokenTypes) }]);
  if (merges) entries.push(strings('tokenizer.ggml.merges', merges));
  return [
    ...entries,
    uint32('tokenizer.ggml.bos_token_id', vocabulary.bosId),
    uint32('tokenizer.ggml.eos_token_id', vocabulary.eosId),
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: vocabulary.addBos }],
    string('tokenizer.chat_template', chatTemplate),
  ];
}

function preTokenizer({ architecture, vocabulary }: SyntheticModelOptions): string {
  if (vocabulary === 'spm') return 'default';
  return architecture === 'qwen2' ? 'qwen2' : 'llama-bpe';
}
