/** A value's part of an int32 where so many tiles are added up, as `addPartial` takes it: the largest float32 that is no more. */
export function mostOf(tileCount: number): number {
  const bound = Math.floor((2 ** 31 - 1) / tileCount);
  const rounded = Math.fround(bound);
  if (rounded <= bound) return rounded;
  const [bits] = new Uint32Array(Float32Array.of(rounded).buffer);
  return new Float32Array(Uint32Array.of(bits! - 1).buffer)[0]!;
}
