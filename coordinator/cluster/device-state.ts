import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import type { MemoryUse } from '../../runtime/protocol/messages.ts';
import { deviceProfile } from '../probe/device-profile.ts';
import type { StepTotals } from '../probe/step-times.ts';
import type { LinkKind } from './member.ts';
import type { Roster } from './roster.ts';
import type { Succession } from './succession.ts';

/** One line of `hearth devices`. */
export interface DeviceState {
  readonly name: string;
  readonly platform: string;
  readonly link: LinkKind;
  /** `quarantined`: it stands by since it has computed wrongly. */
  readonly state: 'stand-by' | 'preparing' | 'loading' | 'ready' | 'declined' | 'quarantined';
  /** Why it declined, is quarantined, or is to stand by. */
  readonly reason: string | undefined;
  /** Whether a person has had it left out. */
  readonly paused: boolean;
  readonly rank: number | undefined;
  readonly tiles: number;
  readonly loadedTiles: number;
  /** Bytes of its tiles. */
  readonly tileBytes: number;
  /** What it takes and streams, as it told last. */
  readonly memory: MemoryUse | undefined;
  /** What its steps brought over its link since it joined, and what they took of it. */
  readonly work: StepTotals;
  /** What was measured of it. */
  readonly profile: DeviceProfile | undefined;
  /** Its speed over what it was when its present work began; undefined while that is about the same. */
  readonly drift: number | undefined;
}

/** All who are here, in the order of their seats. Who has no place yet is shown in the one that it is prepared for. */
export function deviceStates({ seats }: Roster, { present, next }: Succession): DeviceState[] {
  return seats.map(({ member, declined }) => {
    const rank = present?.ranks.findIndex((candidate) => candidate.member === member) ?? -1;
    const nextPlace = next?.ranks.find((candidate) => candidate.member === member);
    const place = present?.ranks[rank] ?? nextPlace;
    const { name, capabilities, link } = member.info;
    const idle = member.standBys.has('quarantine') ? 'quarantined' : 'stand-by';
    const spare = declined ? 'declined' : nextPlace ? 'preparing' : idle;
    return {
      name,
      platform: capabilities.platform,
      link,
      state: rank < 0 ? spare : present?.ready ? 'ready' : 'loading',
      reason: declined?.message ?? (member.standBys.reason || undefined),
      paused: member.standBys.has('pause'),
      rank: rank < 0 ? undefined : rank,
      tiles: place?.assignment.tileIds.length ?? 0,
      loadedTiles: place?.loadedTiles ?? 0,
      tileBytes: place?.byteLength ?? 0,
      memory: place?.memory,
      work: member.probe.totals,
      profile: deviceProfile(member),
      drift: member.probe.drift.speed,
    };
  });
}
