import { cos, sin } from './trigonometry';

/**
 * Rotary position embedding, half-split order: element i of a head turns with element i + pairs.
 */

/**
 * Rows of cosines and sines. out: f32 [count][2][pairs], first the cosines of a position, then its sines,
 * times `magnitude`. frequencies: f64 [pairs], radians per position. Row t is of position firstPosition + t.
 * Error: 2^-24 · magnitude plus 2^-52 · angle.
 */
export function ropeTable(
  out: usize, firstPosition: i32, count: i32, frequencies: usize, pairs: i32, magnitude: f64,
): void {
  const half = <usize>pairs << 2;
  for (let t = 0; t < count; t++) {
    const position = <f64>(firstPosition + t);
    for (let i: usize = 0; i < <usize>pairs; i++) {
      const angle = position * load<f64>(frequencies + (i << 3));
      store<f32>(out + (i << 2), <f32>(cos(angle) * magnitude));
      store<f32>(out + half + (i << 2), <f32>(sin(angle) * magnitude));
    }
    out += half << 1;
  }
}

/** (a, b) → (a · cos − b · sin, a · sin + b · cos), each product and sum rounded to f32. */
@inline
function rotateHead(head: usize, row: usize, pairs: i32): void {
  const half = <usize>pairs << 2;
  const end = head + half;
  const vectorsEnd = head + (<usize>(pairs & ~3) << 2);
  while (head < vectorsEnd) {
    const a = v128.load(head);
    const b = v128.load(head + half);
    const c = v128.load(row);
    const s = v128.load(row + half);
    v128.store(head, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(head + half, f32x4.add(f32x4.mul(a, s), f32x4.mul(b, c)));
    head += 16;
    row += 16;
  }
  while (head < end) {
    const a = load<f32>(head);
    const b = load<f32>(head + half);
    const c = load<f32>(row);
    const s = load<f32>(row + half);
    store<f32>(head, a * c - b * s);
    store<f32>(head + half, a * s + b * c);
    head += 4;
    row += 4;
  }
}

/**
 * Turns in place the first 2 · pairs elements of every head. x: token t at x + 4 · t · stride, its headCount
 * heads of headDim f32 one after the other. table: rows of `ropeTable`; positions: i32 [count], the row of
 * each token.
 */
export function rope(
  x: usize, table: usize, positions: usize, headCount: i32, headDim: i32, pairs: i32, count: i32, stride: i32,
): void {
  for (let t = 0; t < count; t++) {
    const row = table + ((<usize>load<i32>(positions) * <usize>pairs) << 3);
    let head = x;
    for (let h = 0; h < headCount; h++) {
      rotateHead(head, row, pairs);
      head += <usize>headDim << 2;
    }
    positions += 4;
    x += <usize>stride << 2;
  }
}
