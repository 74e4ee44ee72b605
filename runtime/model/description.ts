import type { KernelFormatName } from '../kernels/formats.ts';
import type { Approximation } from './approximation.ts';
import type { MatrixRole } from './architecture.ts';
import type { ModelConfig } from './config.ts';

/** Kernel format of each matrix of a layer. */
export type LayerFormats = Readonly<Record<Exclude<MatrixRole, 'output'>, KernelFormatName>>;

/**
 * All that a rank must know of a model to hold and compute its tiles: no names, no file, no vocabulary.
 * It travels to agents as it is; `checkDescription` guards that door.
 */
export interface ModelDescription {
  readonly config: ModelConfig;
  readonly layers: readonly LayerFormats[];
  readonly outputFormat: KernelFormatName;
  readonly attentionBias: boolean;
  readonly ropeFactors: boolean;
  /** Up and down are stored neuron by neuron, so that those that do not fire are not read. */
  readonly neuronRows: boolean;
  /** Of each layer, neurons that are read of each FFN tile for a token, on average; absent where that is not known. */
  readonly firing?: readonly (readonly number[])[];
  /** Absent where answers are exact. */
  readonly approximation?: Approximation;
}

/** Whether two descriptions say the same, in whatever order. */
export function sameDescription(a: ModelDescription, b: ModelDescription): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
