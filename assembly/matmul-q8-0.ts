import { HALF_BITS, HIGH_BYTES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { multiplyAdd, splat0, splat1, splat2, splat3, weightScales } from './simd';

/** 256 · (4 rows × 4 columns): weights stand in the high bytes of i16 lanes, so nothing is sign-extended. */
@inline
function byteDots(q: v128, first: v128, second: v128, highBytes: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.shl(q, 8), first),
    i32x4.dot_i16x8_s(v128.and(q, highBytes), second),
  );
}

/**
 * 256 · (4 rows × 16 columns), weights in 64 bytes at q, activations int8 x. At most 16·128·127·256 < 2^27.
 */
@inline
function byteRows(q: usize, x: v128, highBytes: v128): v128 {
  const low = i16x8.extend_low_i8x16_s(x);
  const high = i16x8.extend_high_i8x16_s(x);
  let sum = byteDots(v128.load(q), splat0(low), splat1(low), highBytes);
  sum = i32x4.add(sum, byteDots(v128.load(q, 16), splat2(low), splat3(low), highBytes));
  sum = i32x4.add(sum, byteDots(v128.load(q, 32), splat0(high), splat1(high), highBytes));
  return i32x4.add(sum, byteDots(v128.load(q, 48), splat2(high), splat3(high), highBytes));
}

/**
 * y[t, r] = Σ over blocks of 32 columns, in order: d_w · d_x · Σ q_w · q_x.
 *
 * w: [paddedRows/8, columns/32] blocks of 272 bytes: 128 B of rows 0–3, 128 B of rows 4–7, 8 scales (see
 * `weightScales`). Byte 16v + 4·row + 2j + h is column 4v + 2h + j: the pairs that a dot product of i16 lanes
 * wants stand in the low bytes (h = 0) and high bytes (h = 1) of neighbouring lanes.
 * x, y, rounding, order of work and the stores inside the loop: as in `matmulQ4_0`. All int8 weights are
 * exact, −128 too.
 */
export function matmulQ8_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 5) * 272;
  const highBytes = v128.load(HIGH_BYTES);
  const halfBits = v128.load(HALF_BITS);
  const rowEnd = y + (<usize>paddedRows << 2);
  let fetched = w;
  while (y < rowEnd) {
    const groupEnd = w + groupBytes;
    let stream = x;
    let out = y;
    for (let t = 0; t < count; t++) {
      let block = w;
      let low = f32x4.splat(0);
      let high = low;
      while (block < groupEnd) {
        if (block >= fetched) fetched = fetchStrip(block, 4 * 272);
        let a = byteRows(block, v128.load(stream), highBytes);
        v128.store(out, a);
        a = i32x4.add(a, byteRows(block + 64, v128.load(stream, 16), highBytes));
        v128.store(out, a);
        let b = byteRows(block + 128, v128.load(stream), highBytes);
        v128.store(out, b, 16);
        b = i32x4.add(b, byteRows(block + 192, v128.load(stream, 16), highBytes));
        v128.store(out, b, 16);
        const xScale = v128.load(stream, 32);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(a), f32x4.mul(weightScales(block + 256, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(b), f32x4.mul(weightScales(block + 264, halfBits), xScale), high,
        );
        block += 272;
        stream += 64;
      }
      v128.store(out, f32x4.mul(low, f32x4.splat(STREAM_SCALE / 256)));
      v128.store(out, f32x4.mul(high, f32x4.splat(STREAM_SCALE / 256)), 16);
      out += <usize>yStride << 2;
    }
    w = groupEnd;
    y += 32;
  }
}
