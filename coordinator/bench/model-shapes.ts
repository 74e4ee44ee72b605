/** The sizes of a published model, for benches with random weights. */
export interface ModelShape {
  readonly name: string;
  readonly architecture: 'llama' | 'qwen2';
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly normEpsilon: number;
  readonly ropeBase: number;
  /** Llama 3's stretching of slow rotations; its factors are a tensor of the file. */
  readonly ropeStretch?: RopeStretch;
  /** The head is the embedding. */
  readonly tiedEmbeddings: boolean;
  /**
   * A ReLU gate, positive for a normal variable above this: 1.2816 for a tenth of neurons and tokens. Some neurons fire
   * far more often than others, see `shapeTensors`.
   */
  readonly silence?: number;
  /** A pre-tokenizer of byte-level BPE; without one the vocabulary is SentencePiece's. */
  readonly preTokenizer?: 'llama-bpe' | 'qwen2';
}

export interface RopeStretch {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalContextLength: number;
}

const tinyLlama: ModelShape = {
  name: 'tinyllama-1.1b',
  architecture: 'llama',
  layerCount: 22,
  hiddenSize: 2048,
  intermediateSize: 5632,
  headCount: 32,
  kvHeadCount: 4,
  vocabSize: 32000,
  contextLength: 2048,
  normEpsilon: 1e-5,
  ropeBase: 10000,
  tiedEmbeddings: false,
};

/** From the models' own config.json; with a ReLU gate there is none of these, but of such shapes. */
export const modelShapes: readonly ModelShape[] = [
  tinyLlama,
  { ...tinyLlama, name: 'tinyllama-1.1b-relu', silence: 1.2816 },
  {
    name: 'llama-3.2-1b',
    architecture: 'llama',
    layerCount: 16,
    hiddenSize: 2048,
    intermediateSize: 8192,
    headCount: 32,
    kvHeadCount: 8,
    vocabSize: 128256,
    contextLength: 131072,
    normEpsilon: 1e-5,
    ropeBase: 500000,
    ropeStretch: {
      factor: 32,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalContextLength: 8192,
    },
    tiedEmbeddings: true,
    preTokenizer: 'llama-bpe',
  },
  {
    name: 'qwen2.5-0.5b',
    architecture: 'qwen2',
    layerCount: 24,
    hiddenSize: 896,
    intermediateSize: 4864,
    headCount: 14,
    kvHeadCount: 2,
    vocabSize: 151936,
    contextLength: 32768,
    normEpsilon: 1e-6,
    ropeBase: 1000000,
    tiedEmbeddings: true,
    preTokenizer: 'qwen2',
  },
  {
    name: 'llama-2-7b',
    architecture: 'llama',
    layerCount: 32,
    hiddenSize: 4096,
    intermediateSize: 11008,
    headCount: 32,
    kvHeadCount: 32,
    vocabSize: 32000,
    contextLength: 4096,
    normEpsilon: 1e-5,
    ropeBase: 10000,
    tiedEmbeddings: false,
  },
];
