import type { Architecture } from '../architecture.ts';
import { readConfig } from '../read-config.ts';
import { attentionBiases, sharedGlobalTensors, sharedLayerTensors } from '../tensor-rules.ts';

/**
 * Llama 1 to 3.x, Mistral, TinyLlama, SmolLM2. Grouped heads, RoPE over interleaved pairs (GGUF stores Q and K
 * so), frequency factors in Llama 3.x, a tied head in the small ones. Source: arXiv 2302.13971, 2407.21783.
 */
export const llama: Architecture = {
  name: 'llama',
  ropePairing: 'interleaved',
  readConfig: (metadata, activation) => readConfig(metadata, 'llama', activation),
  sparseActivation: 'relu',
  layerTensors: [...sharedLayerTensors, ...attentionBiases(true)],
  globalTensors: sharedGlobalTensors,
};
