/** y[t, r] += bias[r]. y: f32, token t at y + 4 · t · yStride; bias: f32 [rows]. */
export function addBias(y: usize, bias: usize, rows: i32, count: i32, yStride: i32): void {
  for (let t = 0; t < count; t++) {
    let target = y;
    let source = bias;
    const end = y + ((<usize>rows) << 2);
    const vectorsEnd = y + ((<usize>(rows & ~3)) << 2);
    while (target < vectorsEnd) {
      v128.store(target, f32x4.add(v128.load(target), v128.load(source)));
      target += 16;
      source += 16;
    }
    while (target < end) {
      store<f32>(target, load<f32>(target) + load<f32>(source));
      target += 4;
      source += 4;
    }
    y += (<usize>yStride) << 2;
  }
}
