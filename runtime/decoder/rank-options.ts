import type { KvFormat } from '../kernels/kv-page.ts';
import type { TileSpec } from '../tile/spec.ts';

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
  /** Is shown the gates of each tile of which all are computed. */
  readonly probe?: GateProbe;
  /** Is told what a tile's neurons took. */
  readonly onRows?: (rows: ComputedRows) => void;
}

/**
 * @param tile the neurons [tile.first, tile.first + tile.count) of a layer
 * @param gates float32 [tokens, stride], of those neurons in each row
 * @param inputs float32 [tokens, hiddenSize], what gates are computed from
 */
export type GateProbe = (tile: TileSpec, gates: Float32Array, stride: number, inputs: Float32Array) => void;

/** Rows of a tile's matrices that some tokens were multiplied by, of all tokens together. */
export interface ComputedRows {
  readonly layer: number;
  /** Rows of each matrix that there are, times tokens. */
  readonly rows: number;
  readonly gate: number;
  /** Of up, and of down. */
  readonly neurons: number;
}
