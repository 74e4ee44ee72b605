import type { Metadata } from '../gguf/metadata.ts';
import type { FfnActivation, ModelConfig } from './config.ts';

/** How a tensor is divided among tiles. `rows` are outputs (column-parallel), `columns` inputs (row-parallel). */
export type Split =
  | 'query-head-rows'
  | 'kv-head-rows'
  | 'query-head-columns'
  | 'neuron-rows'
  | 'neuron-columns'
  | 'vocabulary-rows'
  | 'whole';

/** What a tensor is in the computation; the decoder knows tensors by this name only. */
export type MatrixRole = 'query' | 'key' | 'value' | 'attentionOutput' | 'gate' | 'up' | 'down' | 'output';
/** Of what predicts which neurons fire, see `approximation.ts`. */
export type PredictorRole = 'predictorInput' | 'predictorOutput';
export type VectorRole =
  | 'queryBias'
  | 'keyBias'
  | 'valueBias'
  | 'attentionNorm'
  | 'ffnNorm'
  | 'outputNorm'
  | 'ropeFactors'
  | 'predictorBias';
export type TensorRole = MatrixRole | PredictorRole | VectorRole;

/** Rows of one head that RoPE rotates as a pair: (2i, 2i+1), or (i, i + dimensions/2). */
export type RopePairing = 'interleaved' | 'half-split';

export interface TensorRule {
  readonly role: TensorRole;
  /** GGUF name; of a layer's tensor, what follows `blk.N.` */
  readonly name: string;
  readonly split: Split;
  /** `[rows, columns]` of a matrix, `[length]` of a vector. */
  readonly shape: (config: ModelConfig) => readonly number[];
  /** May be missing; then this tensor stands in for it, or it has no effect. */
  readonly optional?: true;
  readonly fallbackName?: string;
}

/** One model family: how its metadata is read and its tensors are named, shaped and split. */
export interface Architecture {
  readonly name: string;
  readonly ropePairing: RopePairing;
  /** @param activation of a file that does not state it */
  readConfig(metadata: Metadata, activation: FfnActivation): ModelConfig;
  /** The activation of a file with neuron rows that does not state it; PowerInfer's files do not. */
  readonly sparseActivation: FfnActivation;
  /** Tensors of one layer. */
  readonly layerTensors: readonly TensorRule[];
  /** Tensors outside the layers; the embedding is read by the coordinator alone and is not among them. */
  readonly globalTensors: readonly TensorRule[];
}
