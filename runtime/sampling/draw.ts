import type { Candidates } from './candidates.ts';
import type { SamplingMath } from './math.ts';
import type { Random } from './random.ts';
import { weightsOf } from './weights.ts';

/** Draws one candidate with probability proportional to exp(logit / temperature), temperature > 0. */
export function draw(
  candidates: Candidates,
  temperature: number,
  math: SamplingMath,
  random: Random,
): number {
  const { each, total } = weightsOf(candidates, math, temperature);
  const target = random.nextUnit() * total;
  let weight = 0;
  for (let index = 0; index < each.length; index++) {
    weight += each[index]!;
    if (target < weight) return candidates.whole ? index : candidates.ranking(index);
  }
  // The sum repeats the total's additions, so only a target that was rounded up to the total ends here.
  return candidates.best();
}
