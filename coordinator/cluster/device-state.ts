import type { MemoryUse } from '../../runtime/protocol/messages.ts';
import type { Formation } from './formation.ts';
import type { LinkKind } from './member.ts';
import type { Roster } from './roster.ts';

/** One line of `hearth devices`. */
export interface DeviceState {
  readonly name: string;
  readonly platform: string;
  readonly link: LinkKind;
  readonly state: 'stand-by' | 'loading' | 'ready' | 'declined';
  /** Why it declined. */
  readonly reason: string | undefined;
  readonly rank: number | undefined;
  readonly tiles: number;
  readonly loadedTiles: number;
  /** Bytes of its tiles. */
  readonly tileBytes: number;
  /** What it takes and streams, as it told last. */
  readonly memory: MemoryUse | undefined;
}

/** All who are here, in the order of their seats. */
export function deviceStates({ seats }: Roster, formation: Formation | undefined): DeviceState[] {
  return seats.map(({ member, declined }) => {
    const rank = formation?.ranks.findIndex((candidate) => candidate.member === member) ?? -1;
    const place = formation?.ranks[rank];
    const { name, capabilities, link } = member.info;
    return {
      name,
      platform: capabilities.platform,
      link,
      state: place ? (formation?.ready ? 'ready' : 'loading') : declined ? 'declined' : 'stand-by',
      reason: declined?.message,
      rank: place ? rank : undefined,
      tiles: place?.assignment.tileIds.length ?? 0,
      loadedTiles: place?.loadedTiles ?? 0,
      tileBytes: place?.byteLength ?? 0,
      memory: place?.memory,
    };
  });
}
