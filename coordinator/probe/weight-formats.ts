import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import { predictorOf } from '../../runtime/model/approximation.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';

/** The types that a model's matrices have, each once, the most frequent first. */
export function weightFormats({ layers, outputFormat, approximation }: ModelDescription): KernelFormatName[] {
  const counts = new Map<KernelFormatName, number>();
  const predictors = layers.flatMap((_, layer) => {
    const predictor = predictorOf(approximation, layer);
    return predictor ? [predictor.input, predictor.output] : [];
  });
  for (const name of [...layers.flatMap((layer) => Object.values(layer)), ...predictors, outputFormat])
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}
