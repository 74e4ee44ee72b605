/**
 * The few vector idioms that the kernels share. The relaxed and the baseline build differ in `evenBytes`,
 * `oddBytes`, `pairs0` to `pairs3` and `lookup` alone, and there they yield equal integers.
 */

/** Lane 0 (1, 2, 3) of four 32-bit lanes in all four: a shuffle that V8 knows. */
@inline
export function splat0(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
}
@inline
export function splat1(v: v128): v128 {
  return i8x16.shuffle(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
}
@inline
export function splat2(v: v128): v128 {
  return i8x16.shuffle(v, v, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11);
}
@inline
export function splat3(v: v128): v128 {
  return i8x16.shuffle(v, v, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
}

/**
 * The even (odd) ones of 16 activations, as i16: the baseline build splits them once and not once per row. The
 * relaxed build needs none of it, see `pairs0`.
 */
@inline
export function evenBytes(p: usize): v128 {
  if (RELAXED) return i32x4.splat(0);
  return i16x8.shr_s(i16x8.shl(v128.load(p), 8), 8);
}
@inline
export function oddBytes(p: usize): v128 {
  if (RELAXED) return i32x4.splat(0);
  return i16x8.shr_s(v128.load(p), 8);
}

/** i16 lane i: a[2i]·b[2i] + a[2i+1]·b[2i+1], a in its even and odd bytes. */
@inline
function pairProducts(even: v128, odd: v128, b: v128, lowBytes: v128): v128 {
  return i16x8.add(i16x8.mul(even, v128.and(b, lowBytes)), i16x8.mul(odd, i16x8.shr_u(b, 8)));
}

/**
 * Columns 0–3 (4–7, 8–11, 12–15) of the 16 activations at x, in −127..127, times four rows' weights b in 0..127: i16
 * lanes 2·row, 2·row + 1 each with two products. even, odd: `evenBytes` and `oddBytes` of x.
 *
 * Within these ranges relaxed_dot_i8x16_i7x16 is exact on every processor: the sum is at most 2·127·127 < 2^15, so
 * neither the signedness of b nor the saturation of x86's pmaddubsw can show. The relaxed build reads the four
 * columns again for each row: broadcasting a word from memory takes none of the vector units, which are its limit.
 * @param lowBytes the vector at LOW_BYTES; unused in the relaxed build
 */
@inline
export function pairs0(x: usize, even: v128, odd: v128, b: v128, lowBytes: v128): v128 {
  if (RELAXED) return v128.relaxed_dot<i16>(v128.load32_splat(x), b);
  return pairProducts(splat0(even), splat0(odd), b, lowBytes);
}
@inline
export function pairs1(x: usize, even: v128, odd: v128, b: v128, lowBytes: v128): v128 {
  if (RELAXED) return v128.relaxed_dot<i16>(v128.load32_splat(x, 4), b);
  return pairProducts(splat1(even), splat1(odd), b, lowBytes);
}
@inline
export function pairs2(x: usize, even: v128, odd: v128, b: v128, lowBytes: v128): v128 {
  if (RELAXED) return v128.relaxed_dot<i16>(v128.load32_splat(x, 8), b);
  return pairProducts(splat2(even), splat2(odd), b, lowBytes);
}
@inline
export function pairs3(x: usize, even: v128, odd: v128, b: v128, lowBytes: v128): v128 {
  if (RELAXED) return v128.relaxed_dot<i16>(v128.load32_splat(x, 12), b);
  return pairProducts(splat3(even), splat3(odd), b, lowBytes);
}

/** Byte i: table[indices[i]], indices in 0..15: there the relaxed instruction too has one defined result. */
@inline
export function lookup(table: v128, indices: v128): v128 {
  if (RELAXED) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

/** f32 a·b + c with two roundings: fused in neither build. */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/**
 * Four packed 16-bit weights or weight scales as f32 · 2^-102.
 *
 * A packed scale is a half whose exponent bias is 25 instead of 15 and that has no subnormals (see
 * `runtime/kernels/half.ts`): moved into an f32 it is never a subnormal, whose product takes an Intel
 * processor forty times as long. The activations' scales bring 2^51 of the missing 2^102, the end of a row
 * the rest: so nothing over- or underflows between.
 * @param bits the vector at HALF_BITS
 */
@inline
export function weightScales(p: usize, bits: v128): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(p), 13), bits);
}

/** (lane 0 + lane 1) + (lane 2 + lane 3). */
@inline
export function sumLanes(v: v128): f32 {
  const first = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1);
  return first + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
@inline
export function maxLane(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** The last 1 to 3 floats at p, `fill` in the other lanes; nothing behind them is read. */
@inline
export function loadTail(p: usize, length: i32, fill: f32): v128 {
  let v = f32x4.replace_lane(f32x4.splat(fill), 0, load<f32>(p));
  if (length > 1) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (length > 2) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}
@inline
export function storeTail(p: usize, v: v128, length: i32): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (length > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (length > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}
