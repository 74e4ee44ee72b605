import type { Layout } from '../../runtime/plan/layout.ts';
import type { Seat } from './roster.ts';
import type { LayoutOfSeats } from './seat-layouts.ts';

/** Who computes, in the order of the ranks, and how they share the work. Whoever else is here stands by. */
export interface Arrangement {
  readonly seats: readonly Seat[];
  readonly layout: Layout;
}

/**
 * Decides who of those who may compute does, and how they share the work.
 * @param present what is in use
 * @throws HearthError PLAN_NO_DEVICES if they cannot hold the model
 */
export type Arrange = (seats: readonly Seat[], present: Arrangement | undefined) => Promise<Arrangement>;

/** What is left of an arrangement when some of it have gone, for as long as it is not decided anew; undefined if nothing. */
export type Stopgap = (before: Arrangement, here: readonly Seat[]) => Arrangement | undefined;

/** All of them, as their shares say. */
export function arrangeAll(layoutOf: LayoutOfSeats): Arrange {
  return async (seats) => ({ seats, layout: layoutOf(seats) });
}

/** As `arrangeAll` decides for those who are left. */
export function goOnWithAll(layoutOf: LayoutOfSeats): Stopgap {
  return (_, here) => (here.length > 0 ? { seats: here, layout: layoutOf(here) } : undefined);
}

export function isSameArrangement(one: Arrangement, other: Arrangement): boolean {
  if (one === other) return true;
  const isSameRanks =
    one.seats.length === other.seats.length && one.seats.every((seat, i) => seat === other.seats[i]);
  return isSameRanks && JSON.stringify(one.layout) === JSON.stringify(other.layout);
}
