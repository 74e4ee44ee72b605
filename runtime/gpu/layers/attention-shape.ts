import type { KvFormat } from '../../kernels/kv-page.ts';
import type { ModelConfig } from '../../model/config.ts';

/** What attention of layers has room for. */
export interface GpuAttentionShape {
  readonly config: ModelConfig;
  /** A GPU does not compute 8-bit pages. */
  readonly kvFormat: Exclude<KvFormat, 'q8'>;
  /** Most tokens of a call. */
  readonly maxTokens: number;
  readonly contextLength: number;
  readonly kvPages: number;
}
