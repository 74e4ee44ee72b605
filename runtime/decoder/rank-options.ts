import type { KvFormat } from '../kernels/kv-page.ts';

/** What a rank allocates once, before its first step. */
export interface RankOptions {
  readonly kvFormat: KvFormat;
  readonly maxStepTokens: number;
  readonly maxSequences: number;
  readonly contextLength: number;
  readonly kvPages: number;
  /** For whoever measures or compares, in one process: never on the wire. */
  readonly ffn?: FfnOptions;
}

export interface FfnOptions {
  /** Computes what is skipped else, the zeros: the same bits. */
  readonly everyNeuron?: boolean;
  /** Is shown the gates of each tile that is computed. */
  readonly probe?: GateProbe;
}

/** @param gates float32 [tokens, stride], of neurons [firstNeuron, firstNeuron + neurons) in each row */
export type GateProbe = (
  layer: number,
  firstNeuron: number,
  neurons: number,
  gates: Float32Array,
  stride: number,
) => void;
