import type { OracleRope } from './oracle-model.ts';

/** Cosines and sines of one position, float64 [dimensions/2], with YaRN's magnitude in both. */
export interface Rotation {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** The rotation of each pair of a head's elements at one position, from the definitions, in float64. */
export function rotationAt(rope: OracleRope, position: number): Rotation {
  const pairs = rope.dimensions / 2;
  const magnitude = yarnMagnitude(rope);
  const cos = new Float64Array(pairs);
  const sin = new Float64Array(pairs);
  for (let pair = 0; pair < pairs; pair += 1) {
    const angle = position * frequency(rope, pair);
    cos[pair] = Math.cos(angle) * magnitude;
    sin[pair] = Math.sin(angle) * magnitude;
  }
  return { cos, sin };
}

/** Radians per position of a pair. */
function frequency(rope: OracleRope, pair: number): number {
  const trained = rope.base ** ((-2 * pair) / rope.dimensions) / (rope.frequencyFactors?.[pair] ?? 1);
  if (rope.scaling === 'none') return trained;
  const interpolated = trained / rope.factor;
  if (rope.scaling === 'linear') return interpolated;
  const keep = yarnRamp(rope, pair);
  return interpolated * (1 - keep) + trained * keep;
}

/**
 * How much of its trained frequency a pair keeps: 1 for pairs that turn more than betaFast times within the
 * original context, 0 for those that turn less than betaSlow times, linear between. arXiv 2309.00071, 3.2, with
 * the borders rounded outwards and kept in range as the reference code does.
 */
function yarnRamp(rope: OracleRope, pair: number): number {
  const low = Math.max(0, Math.floor(pairThatTurns(rope, rope.betaFast)));
  const high = Math.min(rope.dimensions - 1, Math.ceil(pairThatTurns(rope, rope.betaSlow)));
  const along = (pair - low) / Math.max(0.001, high - low);
  return 1 - Math.min(1, Math.max(0, along));
}

/** The (fractional) pair that makes `turns` turns within the original context. */
function pairThatTurns({ dimensions, base, originalContextLength }: OracleRope, turns: number): number {
  return (dimensions * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
}

/** Longer contexts flatten the attention; YaRN sharpens it by scaling Q and K alike. */
function yarnMagnitude(rope: OracleRope): number {
  return rope.scaling === 'yarn' ? rope.attentionFactor * (1 + 0.1 * Math.log(rope.factor)) : 1;
}
