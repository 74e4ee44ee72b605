import type { Architecture } from '../architecture.ts';
import { readConfig } from '../read-config.ts';
import { sharedGlobalTensors, sharedLayerTensors } from '../tensor-rules.ts';

/** Bamboo: Mistral's layers with dReLU in place of SwiGLU, as PowerInfer writes it. Source: arXiv 2406.05955. */
export const bamboo: Architecture = {
  name: 'bamboo',
  ropePairing: 'interleaved',
  readConfig: (metadata) => readConfig(metadata, 'bamboo', 'drelu'),
  sparseActivation: 'drelu',
  layerTensors: sharedLayerTensors,
  globalTensors: sharedGlobalTensors,
};
