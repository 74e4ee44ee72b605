import type { Kernels } from '../kernels/kernels.ts';
import type { RopeConfig } from '../model/config.ts';

/** Radians per position of each rotated pair, and what cosine and sine are multiplied by. */
export interface RopeFrequencies {
  readonly radians: Float64Array;
  readonly magnitude: number;
}

type YarnScaling = Extract<RopeConfig['scaling'], { kind: 'yarn' }>;

const twoPi = 6.283185307179586;

/**
 * Frequencies of rotary embedding: base^(−2i/dimensions) (arXiv 2104.09864), divided by a model's own factors
 * where it has any, then scaled. Powers and logarithms are the kernels', the same on every host.
 * @param factors one divisor a pair, or undefined
 */
export function ropeFrequencies(
  kernels: Kernels,
  rope: RopeConfig,
  factors: Float32Array | undefined,
): RopeFrequencies {
  const { scaling } = rope;
  const plain = Float64Array.from(
    { length: rope.dimensions / 2 },
    (_, i) => kernels.pow(rope.base, (-2 * i) / rope.dimensions) / (factors?.[i] ?? 1),
  );
  switch (scaling.kind) {
    case 'none':
      return { radians: plain, magnitude: 1 };
    case 'linear':
      return { radians: plain.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'yarn': {
      const kept = yarnRamp(kernels, rope, scaling);
      const radians = plain.map((frequency, i) => {
        const interpolated = frequency / scaling.factor;
        return interpolated * (1 - kept[i]!) + frequency * kept[i]!;
      });
      return {
        radians,
        magnitude: scaling.attentionFactor * (1 + 0.1 * kernels.log(scaling.factor)),
      };
    }
  }
}

/** YaRN's "NTK by parts": 1 where a pair turns often in the original context and stays, 0 where it is stretched. */
function yarnRamp(kernels: Kernels, rope: RopeConfig, scaling: YarnScaling): Float64Array {
  const { log } = kernels;
  const pairTurning = (turns: number) =>
    (rope.dimensions * log(scaling.originalContextLength / (turns * twoPi))) / (2 * log(rope.base));
  const low = Math.max(0, Math.floor(pairTurning(scaling.betaFast)));
  const high = Math.min(rope.dimensions - 1, Math.ceil(pairTurning(scaling.betaSlow)));
  return Float64Array.from({ length: rope.dimensions / 2 }, (_, i) => {
    const ramp = (i - low) / Math.max(0.001, high - low);
    return 1 - Math.min(1, Math.max(0, ramp));
  });
}
