import type { Architecture } from '../architecture.ts';
import { readConfig } from '../read-config.ts';
import { attentionBiases, sharedGlobalTensors, sharedLayerTensors } from '../tensor-rules.ts';

/** Qwen2 and Qwen2.5: biases on Q, K and V, RoPE over half-split pairs. Source: arXiv 2407.10671. */
export const qwen2: Architecture = {
  name: 'qwen2',
  ropePairing: 'half-split',
  readConfig: (metadata, activation) => readConfig(metadata, 'qwen2', activation),
  sparseActivation: 'relu',
  layerTensors: [...sharedLayerTensors, ...attentionBiases(false)],
  globalTensors: sharedGlobalTensors,
};
