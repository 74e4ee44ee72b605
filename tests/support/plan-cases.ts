import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import type { Random } from '../../runtime/sampling/random.ts';
import { device, link } from './plan.ts';

/** Devices of all kinds; the first is the coordinator's own. @param memoryBytes of each about so many */
export function randomDevices(random: Random, count: number, memoryBytes: number): DeviceProfile[] {
  return Array.from({ length: count }, (_, i) => {
    const speed = 2e9 * (1 + 15 * random.nextUnit());
    return device({
      name: `device ${i}`,
      memoryBytes: Math.round(memoryBytes * (0.5 + random.nextUnit())),
      threads: 1 + (random.nextUint32() % 4),
      kernels: { Q4_0: { decodeBytesPerSecond: speed, prefillFlopsPerSecond: 10 * speed } },
      link: i === 0 ? undefined : link(0.2 + 4 * random.nextUnit() ** 2, 5e6 + 100e6 * random.nextUnit()),
    });
  });
}
