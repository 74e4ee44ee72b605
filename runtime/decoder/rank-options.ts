import type { KvFormat } from '../kernels/kv-page.ts';

/** What a rank allocates once, before its first step. */
export interface RankOptions {
  readonly kvFormat: KvFormat;
  readonly maxStepTokens: number;
  readonly maxSequences: number;
  readonly contextLength: number;
  readonly kvPages: number;
}
