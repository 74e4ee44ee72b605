import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Assignment } from '../../runtime/plan/plan.ts';
import type { TileSetup } from '../../runtime/protocol/messages.ts';
import type { Arrangement } from './arrangement.ts';
import type { Member } from './member.ts';
import type { ModelSource } from './tile-delivery.ts';
import type { TileHashes } from './tile-hashes.ts';

/** Who is to hold what, in the order of the ranks. */
export interface Plan {
  readonly id: number;
  readonly arrangement: Arrangement;
  readonly members: readonly Member[];
  /** One for each member. */
  readonly assignments: readonly Assignment[];
}

/** @param id larger than any before: that of the configuration or preparation */
export function dealTiles(id: number, arrangement: Arrangement, { tiles }: ModelSource): Plan {
  const { seats, layout } = arrangement;
  const members = seats.map(({ member }) => member);
  return { id, arrangement, members, assignments: assignTiles(tiles, layout) };
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
