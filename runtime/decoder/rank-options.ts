/** Element type of the KV cache. */
export type KvFormat = 'f16' | 'f32';

/** What a rank allocates once, before its first step. */
export interface RankOptions {
  readonly kvFormat: KvFormat;
  readonly maxStepTokens: number;
  readonly maxSequences: number;
  readonly contextLength: number;
  readonly kvPages: number;
}
