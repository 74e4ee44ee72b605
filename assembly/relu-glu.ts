import { loadTail, storeTail } from './simd';

/** Exactly +0 where the gate is ≤ 0, or up if it is rectified too; a NaN stays one. */
@inline
function reluGlu4(gate: v128, up: v128, squared: bool, both: bool): v128 {
  const zero = f32x4.splat(0);
  let silent = f32x4.le(gate, zero);
  if (both) silent = v128.or(silent, f32x4.le(up, zero));
  return v128.andnot(f32x4.mul(squared ? f32x4.mul(gate, gate) : gate, up), silent);
}

@inline
function reluGluOf(gate: usize, up: usize, out: usize, length: i32, squared: bool, both: bool): void {
  const rest = length & 3;
  const vectorsEnd = gate + (<usize>(length & ~3) << 2);
  while (gate < vectorsEnd) {
    v128.store(out, reluGlu4(v128.load(gate), v128.load(up), squared, both));
    gate += 16;
    up += 16;
    out += 16;
  }
  if (rest) storeTail(out, reluGlu4(loadTail(gate, rest, 0), loadTail(up, rest, 0), squared, both), rest);
}

/** x = relu(x), f32 [length], in place; a NaN stays one. */
export function relu(x: usize, length: i32): void {
  const zero = f32x4.splat(0);
  const rest = length & 3;
  const vectorsEnd = x + (<usize>(length & ~3) << 2);
  for (; x < vectorsEnd; x += 16) v128.store(x, f32x4.max(v128.load(x), zero));
  if (rest) storeTail(x, f32x4.max(loadTail(x, rest, 0), zero), rest);
}

/** out = relu(gate) · up, f32 [length]; out may be gate or up. One rounding. */
export function reglu(gate: usize, up: usize, out: usize, length: i32): void {
  reluGluOf(gate, up, out, length, false, false);
}

/** out = relu(gate)² · up, as `reglu`. Two roundings. */
export function reglu2(gate: usize, up: usize, out: usize, length: i32): void {
  reluGluOf(gate, up, out, length, true, false);
}

/** out = relu(gate) · relu(up), as `reglu`. One rounding. */
export function dreglu(gate: usize, up: usize, out: usize, length: i32): void {
  reluGluOf(gate, up, out, length, false, true);
}
