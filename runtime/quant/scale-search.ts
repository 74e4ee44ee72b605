import { writeF16 } from './float16.ts';
import { peakOf, ROUND_TO_INTEGER, rangeOf, roundTo } from './rounding.ts';

/**
 * The searches behind the encoders of the formats with nested scales. Each tries a few roundings of a group and
 * keeps the one whose least-squares scale has the smallest weighted error: large weights matter more.
 */

/** Candidates on each side of the plain choice, which maps the group's peak onto the outermost level. */
const STEPS = 9;
/** In levels, between one candidate and the next for the group's outermost level. */
const STEP_SIZE = 0.1;

/**
 * The scale that lets `scale * level` follow a group of elements most closely, weighted by their squares.
 * @param outermost the level of largest magnitude, for example -32
 * @param stepSize distance in levels between one candidate for the peak's level and the next
 * @param nearestLevel rounds an element over scale to a level that the format has
 * @returns 0 for a group of zeros; negative where that puts the peak on the outermost level
 */
export function fitScale(
  elements: Float32Array,
  start: number,
  count: number,
  outermost: number,
  stepSize: number,
  nearestLevel: (ratio: number) => number,
): number {
  const peak = peakOf(elements, start, count);
  if (peak === 0) return 0;
  let bestScale = 0;
  let bestGain = 0;
  for (let step = -STEPS; step <= STEPS; step++) {
    const inverse = (outermost + step * stepSize) / peak;
    let sumXQ = 0;
    let sumQQ = 0;
    for (let i = start; i < start + count; i++) {
      const x = elements[i]!;
      const level = nearestLevel(x * inverse);
      sumXQ += x * x * x * level;
      sumQQ += x * x * level * level;
    }
    // With the least-squares scale sumXQ / sumQQ the error is a constant minus this gain.
    const gain = sumQQ > 0 ? (sumXQ * sumXQ) / sumQQ : 0;
    if (gain > bestGain) {
      bestGain = gain;
      bestScale = sumXQ / sumQQ;
    }
  }
  return bestScale;
}

/** `x ≈ scale * level - min`, with both not negative: what the K formats store. */
interface ScaleAndMin {
  readonly scale: number;
  readonly min: number;
}

/** As `fitScale`, for levels 0..highest and a range that reaches down to zero at least. */
export function fitScaleAndMin(
  elements: Float32Array,
  start: number,
  count: number,
  highest: number,
): ScaleAndMin {
  const range = rangeOf(elements, start, count);
  const low = Math.min(range.low, 0);
  const width = range.high - low;
  if (!(width > 0)) return { scale: 0, min: -low };

  const group = weigh(elements, start, count, -low);
  let best: ScaleAndMin = { scale: width / highest, min: -low };
  let bestError = errorOf(best, group, correlate(group, best.scale, highest));
  for (let step = -STEPS; step <= STEPS; step++) {
    const levels = correlate(group, width / (highest + step * STEP_SIZE), highest);
    const refined = leastSquares(group, levels);
    const error = errorOf(refined, group, levels);
    if (error < bestError) {
      best = refined;
      bestError = error;
    }
  }
  return best;
}

/** A group's weighted sums. What they are sums of lies in the scratch arrays until the next group. */
interface Group {
  readonly count: number;
  readonly sumW: number;
  readonly sumX: number;
  readonly sumXX: number;
}

/** Weighted sums over the levels that a rounding gives to a group. */
interface LevelSums {
  readonly sumQ: number;
  readonly sumQQ: number;
  readonly sumXQ: number;
}

const LARGEST_GROUP = 32;
const values = new Float64Array(LARGEST_GROUP);
const shifted = new Float64Array(LARGEST_GROUP);
const weights = new Float64Array(LARGEST_GROUP);

/** An element weighs its own magnitude and the group's RMS; shifted by the min, none is negative. */
function weigh(elements: Float32Array, start: number, count: number, min: number): Group {
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const x = elements[start + i]!;
    values[i] = x;
    shifted[i] = x + min;
    squares += x * x;
  }
  const rms = Math.sqrt(squares / count);
  let sumW = 0;
  let sumX = 0;
  let sumXX = 0;
  for (let i = 0; i < count; i++) {
    const x = values[i]!;
    const weight = rms + Math.abs(x);
    weights[i] = weight;
    sumW += weight;
    sumX += weight * x;
    sumXX += weight * x * x;
  }
  return { count, sumW, sumX, sumXX };
}

/** Runs twenty times for each element of a model: the look-ups and the rounding are all it does. */
function correlate({ count }: Group, scale: number, highest: number): LevelSums {
  const inverse = 1 / scale;
  let sumQ = 0;
  let sumQQ = 0;
  let sumXQ = 0;
  for (let i = 0; i < count; i++) {
    const ratio = shifted[i]! * inverse;
    const level = (ratio < highest ? ratio : highest) + ROUND_TO_INTEGER - ROUND_TO_INTEGER;
    const weighted = weights[i]! * level;
    sumQ += weighted;
    sumQQ += weighted * level;
    sumXQ += weighted * values[i]!;
  }
  return { sumQ, sumQQ, sumXQ };
}

/** The scale and min of least error for these levels, with a min that is not negative. */
function leastSquares({ sumW, sumX }: Group, { sumQ, sumQQ, sumXQ }: LevelSums): ScaleAndMin {
  const determinant = sumW * sumQQ - sumQ * sumQ;
  const min = determinant > 0 ? (sumQ * sumXQ - sumQQ * sumX) / determinant : 0;
  if (min > 0) return { scale: (sumW * sumXQ - sumX * sumQ) / determinant, min };
  return { scale: sumXQ / sumQQ, min: 0 };
}

/** Weighted sum of squares of `scale * level - min - x`, multiplied out. */
function errorOf({ scale, min }: ScaleAndMin, { sumW, sumX, sumXX }: Group, levels: LevelSums): number {
  const { sumQ, sumQQ, sumXQ } = levels;
  const squares = scale * scale * sumQQ + min * min * sumW + sumXX;
  return squares - 2 * (scale * min * sumQ + scale * sumXQ - min * sumX);
}

/**
 * Quantises a superblock's scales themselves, as `unit * level`, and writes `unit` as an f16 at `offset`.
 * @param lowest 0 for scales that are never negative; else -32 or -128, and the largest scale takes that level
 * @param levels receives one level a scale
 * @returns the unit as it was stored
 */
export function writeUnit(
  bytes: Uint8Array,
  offset: number,
  scales: Float32Array,
  lowest: number,
  highest: number,
  levels: Uint8Array | Int8Array,
): number {
  const unit = writeF16(bytes, offset, peakOf(scales, 0, scales.length) / (lowest || highest));
  for (let i = 0; i < scales.length; i++) {
    levels[i] = unit === 0 ? 0 : roundTo(scales[i]! / unit, lowest, highest);
  }
  return unit;
}
