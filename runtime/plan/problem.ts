import { DeviceTimes } from './device-times.ts';
import { RankMemories } from './memory.ts';
import { type NetworkSettings, networkSettings } from './network.ts';
import type { DeviceProfile } from './profiles.ts';
import type { ModelWork } from './workload.ts';

/** An answer as it is planned for. */
export interface Usage {
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Answers that are written at the same time, where many count (`throughput`). */
  readonly sequences: number;
}

export const defaultUsage: Usage = { promptTokens: 256, answerTokens: 256, sequences: 4 };

/** A model, the devices that there are, what they are for: all that a layout's cost depends on. */
export interface Problem {
  readonly work: ModelWork;
  readonly devices: readonly DeviceProfile[];
  readonly network: NetworkSettings;
  readonly usage: Usage;
  /** One for each device. */
  readonly times: readonly DeviceTimes[];
  readonly memories: RankMemories;
}

export function problemOf(
  work: ModelWork,
  devices: readonly DeviceProfile[],
  usage: Usage = defaultUsage,
  network: Partial<NetworkSettings> = {},
): Problem {
  return {
    work,
    devices,
    usage,
    network: networkSettings(devices, network),
    times: devices.map((device) => new DeviceTimes(work, device)),
    memories: new RankMemories(work),
  };
}
