/**
 * Partial sums of tiles in fixed point. Addition of i32 is associative, so the sum over all tiles is the same
 * in any order and any grouping. Each token has two units, both powers of two that `rmsNorm` took from its
 * residual; what is too large for the fine one goes, whole, to the coarse one.
 */

/** Bit 0 of what `addPartial` returns: something went to the coarse sum. */
const COARSE_USED: i32 = 1;
/** Bit 1: a value fits neither or is NaN. It was left out: the sum is worthless. */
const OVERFLOW: i32 = 2;

/** The largest f32 that is at most x ≥ 0. */
@inline
function roundedDown(x: i32): f32 {
  const rounded = <f32>x;
  return <i64>rounded > <i64>x ? reinterpret<f32>(reinterpret<u32>(rounded) - 1) : rounded;
}

@inline
function addOne(value: f32, fine: usize, coarse: usize, fineScale: f32, coarseScale: f32, limit: f32): i32 {
  const inFine = nearest<f32>(value * fineScale);
  if (abs<f32>(inFine) <= limit) {
    store<i32>(fine, load<i32>(fine) + <i32>inFine);
    return 0;
  }
  const inCoarse = nearest<f32>(value * coarseScale);
  if (abs<f32>(inCoarse) <= limit) {
    store<i32>(coarse, load<i32>(coarse) + <i32>inCoarse);
    return COARSE_USED;
  }
  return OVERFLOW;
}

/** To i32, of whole numbers that are in range: there both builds yield the same. */
@inline
function toInt32(v: v128): v128 {
  if (RELAXED) return i32x4.relaxed_trunc_f32x4_s(v);
  return i32x4.trunc_sat_f32x4_s(v);
}

/**
 * Adds one tile's partial f32 [count, size] to i32 fine and coarse [count, size].
 *
 * Per element: v · fineScale rounded to nearest, ties to even, goes to fine if its magnitude is at most
 * `bound`; else v · coarseScale, rounded likewise, goes to coarse if at most `bound`. scales: f32 [count, 4]
 * of `rmsNorm`. The caller picks `bound` in [0, 2^31) so that the sum over all tiles of the model stays
 * within an i32. Error: half a unit. Returns flags: 1 if coarse was used, 2 if a value fitted neither or was
 * NaN.
 */
export function addPartial(
  partial: usize, fine: usize, coarse: usize, size: i32, count: i32, scales: usize, bound: i32,
): i32 {
  const limit = roundedDown(bound);
  const limits = f32x4.splat(limit);
  let flags = 0;
  for (let t = 0; t < count; t++) {
    const fineScale = load<f32>(scales);
    const coarseScale = load<f32>(scales, 8);
    const fineScales = f32x4.splat(fineScale);
    const end = partial + (<usize>size << 2);
    while (partial < end) {
      let length = end - partial;
      if (length >= 64 && addSixteen(partial, fine, fineScales, limits)) {
        length = 64;
      } else {
        length = min(length, 64);
        for (let i: usize = 0; i < length; i += 4) {
          flags |= addOne(load<f32>(partial + i), fine + i, coarse + i, fineScale, coarseScale, limit);
        }
      }
      partial += length;
      fine += length;
      coarse += length;
    }
    scales += 16;
  }
  return flags;
}

@inline
function scaled(partial: usize, fineScales: v128): v128 {
  return f32x4.nearest(f32x4.mul(v128.load(partial), fineScales));
}

@inline
function addFour(fine: usize, whole: v128): void {
  v128.store(fine, i32x4.add(v128.load(fine), toInt32(whole)));
}

/** Adds 16 values if all of them go to the fine sum, else none. */
@inline
function addSixteen(partial: usize, fine: usize, fineScales: v128, limits: v128): bool {
  const a = scaled(partial, fineScales);
  const b = scaled(partial + 16, fineScales);
  const c = scaled(partial + 32, fineScales);
  const d = scaled(partial + 48, fineScales);
  // Magnitudes are ordered as their bits are, with NaN above all.
  const largest = i32x4.max_s(
    i32x4.max_s(f32x4.abs(a), f32x4.abs(b)), i32x4.max_s(f32x4.abs(c), f32x4.abs(d)),
  );
  if (!i32x4.all_true(f32x4.le(largest, limits))) return false;
  addFour(fine, a);
  addFour(fine + 16, b);
  addFour(fine + 32, c);
  addFour(fine + 48, d);
  return true;
}

/**
 * x += f32(fine) / fineScale, then, if useCoarse, x += f32(coarse) / coarseScale, for f32 x [count, size].
 * A coarse sum of zeros leaves the same bits as useCoarse = 0. scales: f32 [count, 4] of `rmsNorm`.
 * Rounds once in i32 → f32 (the division is by a power of two) and once in each addition.
 */
export function applySum(
  x: usize, fine: usize, coarse: usize, useCoarse: i32, size: i32, count: i32, scales: usize,
): void {
  for (let t = 0; t < count; t++) {
    addScaled(x, fine, size, load<f32>(scales, 4));
    if (useCoarse) addScaled(x, coarse, size, load<f32>(scales, 12));
    const bytes = <usize>size << 2;
    x += bytes;
    fine += bytes;
    coarse += bytes;
    scales += 16;
  }
}

function addScaled(x: usize, sum: usize, size: i32, unit: f32): void {
  const units = f32x4.splat(unit);
  const end = x + (<usize>size << 2);
  const vectorsEnd = x + (<usize>(size & ~3) << 2);
  while (x < vectorsEnd) {
    v128.store(x, f32x4.add(v128.load(x), f32x4.mul(f32x4.convert_i32x4_s(v128.load(sum)), units)));
    x += 16;
    sum += 16;
  }
  while (x < end) {
    store<f32>(x, load<f32>(x) + <f32>load<i32>(sum) * unit);
    x += 4;
    sum += 4;
  }
}

/** target += source, i32 [length], modulo 2^32. */
export function addInt32(target: usize, source: usize, length: i32): void {
  const end = target + (<usize>length << 2);
  const vectorsEnd = target + (<usize>(length & ~3) << 2);
  while (target < vectorsEnd) {
    v128.store(target, i32x4.add(v128.load(target), v128.load(source)));
    target += 16;
    source += 16;
  }
  while (target < end) {
    store<i32>(target, load<i32>(target) + load<i32>(source));
    target += 4;
    source += 4;
  }
}
