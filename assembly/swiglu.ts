import { expF32 } from './exp-f32';
import { loadTail, storeTail } from './simd';

/** x / (1 + e^-x). */
@inline
export function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), expF32(f32x4.neg(x))));
}

/**
 * out = gate / (1 + e^-gate) · up, f32 [length]; out may be gate or up.
 * Relative error: at most 8 · 2^-24 for gate ≥ −87; for gates below −88.37 the result is ∓0.
 */
export function swiglu(gate: usize, up: usize, out: usize, length: i32): void {
  const rest = length & 3;
  const vectorsEnd = gate + (<usize>(length & ~3) << 2);
  while (gate < vectorsEnd) {
    v128.store(out, f32x4.mul(silu4(v128.load(gate)), v128.load(up)));
    gate += 16;
    up += 16;
    out += 16;
  }
  if (rest) storeTail(out, f32x4.mul(silu4(loadTail(gate, rest, 0)), loadTail(up, rest, 0)), rest);
}
