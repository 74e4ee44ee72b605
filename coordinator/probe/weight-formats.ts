import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';

/** The types that a model's matrices have, each once, the most frequent first. */
export function weightFormats({ layers, outputFormat }: ModelDescription): KernelFormatName[] {
  const counts = new Map<KernelFormatName, number>();
  for (const name of [...layers.flatMap((layer) => Object.values(layer)), outputFormat])
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}
