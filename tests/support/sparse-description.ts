import { neuronOrder } from '../../coordinator/sparsity/neuron-order.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { RowShares } from '../../runtime/model/row-shares.ts';
import { ffnTileNeurons } from '../../runtime/tile/spec.ts';

/** A model of which a tenth of the neurons fires for a token, by a power law, as it is when it was sparsified. */
export interface SparseShape {
  readonly description: ModelDescription;
  readonly shares: readonly RowShares[];
}

/** @param isPredicted whether gates of those are computed alone that are named, here the same */
export function sparseShape(plain: ModelDescription, isPredicted: boolean): SparseShape {
  const { intermediateSize } = plain.config;
  const counts = Array.from({ length: intermediateSize }, (_, i) =>
    Math.min(980, Math.round(30 * ((i + 0.5) / intermediateSize) ** -1)),
  );
  const sorted = neuronOrder(counts).map((neuron) => counts[neuron]! / 1000);
  const firing = Array.from({ length: Math.ceil(intermediateSize / ffnTileNeurons) }, (_, tile) =>
    sum(sorted.slice(tile * ffnTileNeurons, (tile + 1) * ffnTileNeurons)),
  );
  const neurons = sum(firing) / intermediateSize;
  const predictor = { rank: 128, input: 'Q4_0', output: 'Q4_0' } as const;
  const predictors = plain.layers.map(() => predictor);
  return {
    description: {
      ...plain,
      config: { ...plain.config, activation: 'relu' },
      neuronRows: true,
      firing: plain.layers.map(() => firing),
      ...(isPredicted && { approximation: { kind: 'predicted', threshold: 0, predictors } }),
    },
    shares: plain.layers.map(() => ({ gate: isPredicted ? neurons : 1, neurons })),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
