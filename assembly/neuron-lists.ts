import { silu4 } from './swiglu';

/** Lists of a tile's neurons: int32 indices, ascending. They name the rows that are computed. */

/** Lists which of `count` neurons fire: gate f32 [count], all but those ≤ 0. A NaN fires, so that it shows. */
export function firingNeurons(gate: usize, count: i32, list: usize): i32 {
  let length = 0;
  for (let neuron = 0; neuron < count; neuron++) {
    store<i32>(list + (<usize>length << 2), neuron);
    length += i32(!(load<f32>(gate + (<usize>neuron << 2)) <= 0));
  }
  return length;
}

/** Lists those whose score, f32 [count], is not below a threshold. A NaN is listed, so that it shows. */
export function neuronsFrom(score: usize, count: i32, threshold: f32, list: usize): i32 {
  let length = 0;
  for (let neuron = 0; neuron < count; neuron++) {
    store<i32>(list + (<usize>length << 2), neuron);
    length += i32(!(load<f32>(score + (<usize>neuron << 2)) < threshold));
  }
  return length;
}

/** Lists those whose |silu(gate)|, f32 [count, rounded up to four], is not below a cut: all where the cut is 0, NaN ever. */
export function neuronsOverCut(gate: usize, count: i32, cut: f32, list: usize): i32 {
  const limit = f32x4.splat(cut);
  let length = 0;
  for (let neuron = 0; neuron < count; neuron += 4) {
    const below = f32x4.lt(f32x4.abs(silu4(v128.load(gate + (<usize>neuron << 2)))), limit);
    let kept = ~i32x4.bitmask(below);
    const end = min(neuron + 4, count);
    for (let i = neuron; i < end; i++) {
      store<i32>(list + (<usize>length << 2), i);
      length += kept & 1;
      kept >>= 1;
    }
  }
  return length;
}

/** out[i] = x[list[i]], f32, for i < length; out may be x, since lists ascend. */
export function gatherF32(x: usize, list: usize, length: i32, out: usize): void {
  for (let i: usize = 0; i < <usize>length << 2; i += 4) {
    store<f32>(out + i, load<f32>(x + (<usize>load<i32>(list + i) << 2)));
  }
}

/** Takes those out of a list whose value is 0; values f32 [length] move up too. Returns the new length. */
export function dropZeros(values: usize, list: usize, length: i32): i32 {
  let kept: usize = 0;
  for (let i: usize = 0; i < <usize>length << 2; i += 4) {
    const value = load<f32>(values + i);
    store<f32>(values + kept, value);
    store<i32>(list + kept, load<i32>(list + i));
    kept += value != 0 ? 4 : 0;
  }
  return <i32>(kept >> 2);
}
