import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline, tensorParallel } from '../../runtime/plan/layouts.ts';
import type { Seat } from './roster.ts';

/** How those who are to compute share the work. */
export type LayoutOfSeats = (seats: readonly Seat[]) => Layout;

/**
 * As many as the kernels' panels hold: fewer would unpack each weight more often. A part of a prompt is computed while
 * another's residual, or its sums, travel.
 */
const microBatchTokens = 32;

/** Everybody's shares are of each layer. */
export function tensorLayout(layerCount: number): LayoutOfSeats {
  return (seats) => tensorParallel(layerCount, sharesOf(seats), microBatchTokens);
}

/** Everybody's shares are of the number of layers. */
export function pipelineLayout(layerCount: number): LayoutOfSeats {
  return (seats) => pipeline(layerCount, sharesOf(seats), microBatchTokens);
}

function sharesOf(seats: readonly Seat[]): number[] {
  return seats.map(({ share }) => share);
}
