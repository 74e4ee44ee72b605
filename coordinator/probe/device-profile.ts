import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import type { Member } from '../cluster/member.ts';

/** What planning knows of a member; undefined before it was measured. */
export function deviceProfile({ info, probe }: Member): DeviceProfile | undefined {
  const { threads, memoryBytes } = info.capabilities;
  const link = probe.link?.profile;
  return probe.rates && { name: info.name, threads, memoryBytes, ...probe.rates, link };
}
