import type { MetadataValue } from '../../runtime/gguf/value.ts';
import type { QuantizeTarget } from '../quantize/targets.ts';
import type { ModelShape } from './model-shapes.ts';
import { shapeVocabulary } from './shape-vocabulary.ts';

/** Metadata as llama.cpp's converter writes them for the model, but for its name and its vocabulary. */
export function shapeMetadata(shape: ModelShape, target: QuantizeTarget): Map<string, MetadataValue> {
  const { architecture } = shape;
  const string = (value: string): MetadataValue => ({ type: 'string', value });
  const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
  const float32 = (value: number): MetadataValue => ({ type: 'float32', value });
  return new Map([
    ['general.architecture', string(architecture)],
    ['general.type', string('model')],
    ['general.name', string(`${shape.name}, random weights`)],
    ['general.file_type', uint32(target.fileType)],
    ['general.quantization_version', uint32(2)],
    [`${architecture}.block_count`, uint32(shape.layerCount)],
    [`${architecture}.context_length`, uint32(shape.contextLength)],
    [`${architecture}.embedding_length`, uint32(shape.hiddenSize)],
    [`${architecture}.feed_forward_length`, uint32(shape.intermediateSize)],
    ...(shape.silence === undefined ? [] : [[`${architecture}.hidden_activation`, string('relu')] as const]),
    [`${architecture}.attention.head_count`, uint32(shape.headCount)],
    [`${architecture}.attention.head_count_kv`, uint32(shape.kvHeadCount)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, float32(shape.normEpsilon)],
    [`${architecture}.rope.dimension_count`, uint32(shape.hiddenSize / shape.headCount)],
    [`${architecture}.rope.freq_base`, float32(shape.ropeBase)],
    [`${architecture}.vocab_size`, uint32(shape.vocabSize)],
    ...shapeVocabulary(shape),
  ]);
}
