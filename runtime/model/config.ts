/** A model's hyperparameters, translated once from GGUF's metadata. Everything an agent needs to know of it. */
export interface ModelConfig {
  /** Registry name of the architecture, for example `llama`. */
  readonly architecture: string;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  /** Elements of one head of Q and K. */
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly activation: FfnActivation;
  readonly vocabSize: number;
  /** Positions the model was trained for. */
  readonly contextLength: number;
  readonly normEpsilon: number;
  readonly rope: RopeConfig;
}

/**
 * What becomes of a neuron's gate and up: silu(gate) · up (SwiGLU, arXiv 2002.05202), relu(gate) · up (ReGLU), relu(gate)²
 * · up, relu(gate) · relu(up) (dReLU, arXiv 2406.05955). In all but the first most neurons are exactly zero.
 */
export const ffnActivations = ['silu', 'relu', 'relu2', 'drelu'] as const;
export type FfnActivation = (typeof ffnActivations)[number];

/** Rotary position embedding. Q and K rows are brought to the half-split order when tiles are cut. */
export interface RopeConfig {
  /** Elements of a head that are rotated; even, at most headDim. */
  readonly dimensions: number;
  readonly base: number;
  readonly scaling: RopeScaling;
}

export type RopeScaling =
  | { readonly kind: 'none' }
  /** Positions divided by `factor`. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** YaRN (arXiv 2309.00071). */
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalContextLength: number;
      readonly attentionFactor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
    };
