import type { Assignment, Leg } from '../../runtime/plan/plan.ts';
import type { Spot } from './spot.ts';

/**
 * A rank's way through a step as far as a spot of it, from where it was sent a residual last. Whatever it computed alone,
 * others take part in: whoever goes this way again hears all sums.
 */
export function wayTo(
  spot: Spot,
  assignment: Assignment,
  layerCount: number,
): Pick<Assignment, 'legs' | 'receivesHead'> {
  if (spot.kind === 'vocabulary' && assignment.receivesHead) return { legs: [], receivesHead: true };
  const legs = legsTo(spot, assignment, layerCount).map(
    (leg): Leg => ({ ...leg, members: Math.max(2, leg.members), sends: false }),
  );
  return { legs, receivesHead: false };
}

/** Whether all that a spot's input is made of passes through the hub. */
export function isSeen(spot: Spot, assignment: Assignment, layerCount: number): boolean {
  if (spot.kind === 'vocabulary' && assignment.receivesHead) return true;
  return legsTo(spot, assignment, layerCount).every(({ members }) => members > 1);
}

function legsTo({ kind, layer }: Spot, { legs }: Assignment, layerCount: number): Leg[] {
  const endLayer = kind === 'vocabulary' ? layerCount : layer + 1;
  const before = legs.filter(({ firstLayer }) => firstLayer < endLayer);
  const from = before.findLastIndex(({ receives }) => receives);
  return before
    .slice(Math.max(0, from))
    .map((leg) => ({ ...leg, endLayer: Math.min(leg.endLayer, endLayer) }));
}
