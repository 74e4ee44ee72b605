import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import type { Member } from '../cluster/member.ts';

/** What planning knows of a member; undefined before it was measured. */
export function deviceProfile({ info, probe }: Member): DeviceProfile | undefined {
  const { threads, memoryBytes } = info.capabilities;
  const link = probe.link?.profile;
  return probe.rates && { name: info.name, threads, memoryBytes, ...probe.rates, link };
}

/** Undefined while something is missing that plans are made of. */
export function plannableProfile(member: Member): DeviceProfile | undefined {
  const profile = deviceProfile(member);
  if (!profile || Object.keys(profile.kernels).length === 0 || profile.attentionBytesPerSecond <= 0)
    return undefined;
  return profile.link || member.info.link === 'local' ? profile : undefined;
}
