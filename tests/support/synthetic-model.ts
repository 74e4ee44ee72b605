import { writeGguf } from '../../runtime/gguf/writer.ts';
import type { MatrixRole } from '../../runtime/model/architecture.ts';
import type { FfnActivation, RopeScaling } from '../../runtime/model/config.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { syntheticMetadata } from './synthetic-metadata.ts';
import { syntheticTensors } from './synthetic-tensors.ts';
import { syntheticVocabulary, type VocabularyKind } from './synthetic-vocabulary.ts';

export type WeightRole = MatrixRole | 'embedding';

/** The type of each matrix; vectors are always F32. `layer` is −1 for the embedding and the output head. */
export type WeightTypes = QuantTypeName | ((role: WeightRole, layer: number) => QuantTypeName);

export interface SyntheticModelOptions {
  readonly architecture: 'llama' | 'qwen2';
  readonly type: WeightTypes;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly activation: FfnActivation;
  /** Down transposed, as `hearth sparsify` writes it. */
  readonly neuronRows: boolean;
  readonly vocabSize: number;
  readonly contextLength: number;
  /** The head is the embedding: no tensor of its own. */
  readonly tiedEmbeddings: boolean;
  /** Adds frequency factors, as Llama 3.x has. */
  readonly ropeFactors: boolean;
  readonly ropeScaling: RopeScaling;
  readonly vocabulary: VocabularyKind;
  readonly seed: number;
}

/**
 * The smallest shape in which five uneven ranks all get work in every quant type: five attention tiles of one KV
 * head each (2 × 128 columns of the attention output are one superblock), five FFN tiles of 256 neurons, and six
 * vocabulary tiles, the last of them short. The head size does not follow from the hidden size.
 */
const defaults: SyntheticModelOptions = {
  architecture: 'llama',
  type: 'Q8_0',
  hiddenSize: 256,
  layerCount: 2,
  headCount: 10,
  kvHeadCount: 5,
  headDim: 128,
  intermediateSize: 1280,
  activation: 'silu',
  neuronRows: false,
  vocabSize: 2600,
  contextLength: 512,
  tiedEmbeddings: false,
  ropeFactors: false,
  ropeScaling: { kind: 'none' },
  vocabulary: 'bpe',
  seed: 1,
};

/** Two tiles of each kind: enough for one rank, and encoded in a fifth of the time. */
export const smallShape = {
  headCount: 4,
  kvHeadCount: 2,
  intermediateSize: 512,
  vocabSize: 520,
} as const satisfies Partial<SyntheticModelOptions>;

/** A whole GGUF file with random weights of the given shape, as llama.cpp's converter would write it. */
export async function syntheticModel(options: Partial<SyntheticModelOptions> = {}): Promise<Uint8Array> {
  const model = { ...defaults, ...options };
  const vocabulary = syntheticVocabulary(model.vocabulary, model.vocabSize);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeGguf(syntheticMetadata(model, vocabulary), syntheticTensors(model)))
    pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
