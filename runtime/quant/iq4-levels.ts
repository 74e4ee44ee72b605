/**
 * The 16 uneven levels of IQ4_NL and IQ4_XS, denser around zero, where weights are (ggml-common.h, kvalues_iq4nl).
 */
export const IQ4_LEVELS = Int8Array.of(
  ...[-127, -104, -83, -65, -49, -35, -22, -10],
  ...[1, 13, 25, 38, 53, 69, 89, 113],
);

/**
 * Index of the nearest level by half steps from -127 up. Borders between levels lie at halves, so all ratios that
 * round up to the same half have the same index.
 */
const NEAREST_INDEX = Uint8Array.from({ length: 2 * (127 + 113) + 1 }, (_, halfSteps) => {
  const ratio = halfSteps / 2 - 127;
  let index = 0;
  while (index < 15 && ratio > (IQ4_LEVELS[index]! + IQ4_LEVELS[index + 1]!) / 2) index++;
  return index;
});

/** Index of the level nearest to `ratio`; the lower of two equally near. Not a number gives 0. */
export function nearestIq4Index(ratio: number): number {
  if (!(ratio > -127)) return 0;
  return ratio >= 113 ? 15 : NEAREST_INDEX[Math.ceil(2 * ratio) + 2 * 127]!;
}

/** The level itself. */
export const nearestIq4Level = (ratio: number): number => IQ4_LEVELS[nearestIq4Index(ratio)]!;
