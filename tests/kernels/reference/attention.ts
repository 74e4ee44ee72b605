/** Softmax attention of one query in f64. keys, values: one row per position. */
export function attend(
  query: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  scale: number,
): Float64Array {
  const scores = keys.map((key) => scale * key.reduce((sum, k, d) => sum + k * query[d]!, 0));
  const maximum = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - maximum));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const out = new Float64Array(query.length);
  values.forEach((value, position) => {
    value.forEach((v, d) => {
      out[d]! += (weights[position]! / total) * v;
    });
  });
  return out;
}
