import { type Assignment, planByShares } from '../../runtime/plan/plan.ts';
import type { TileSetup } from '../../runtime/protocol/messages.ts';
import type { Member } from './member.ts';
import type { Seat } from './roster.ts';
import type { ModelSource } from './tile-delivery.ts';
import type { TileHashes } from './tile-hashes.ts';

/** Who is to hold what, in the order of the ranks. */
export interface Plan {
  readonly id: number;
  readonly members: readonly Member[];
  /** One for each member. */
  readonly assignments: readonly Assignment[];
}

/** @param id larger than any before: that of the configuration or preparation */
export function dealTiles(id: number, seats: readonly Seat[], { tiles }: ModelSource): Plan {
  const members = seats.map(({ member }) => member);
  const shares = seats.map(({ share }) => share);
  return { id, members, assignments: planByShares(tiles, shares) };
}

/** What a rank's device is told of its tiles. */
export function tileSetup(
  { id, assignments }: Plan,
  rank: number,
  { description }: ModelSource,
  hashes: TileHashes,
): TileSetup {
  const assignment = assignments[rank]!;
  return { configurationId: id, description, assignment, tileHashes: hashes.of(assignment.tileIds) };
}
