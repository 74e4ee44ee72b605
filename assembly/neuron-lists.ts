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

/** out[i] = x[list[i]], f32, for i < length. */
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
