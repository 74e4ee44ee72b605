import type { KeyedDevice } from './keyed-devices.ts';
import type { StepWork } from './step-work.ts';
import { milliseconds, percent } from './words.ts';

export interface Slowest {
  readonly key: string;
  /** In words, without the device's name. */
  readonly reason: string;
}

/**
 * The device that takes most of a step, and what takes it most.
 * @param work by key, of a step
 * @returns undefined where fewer than two compute
 */
export function slowest(
  devices: readonly KeyedDevice[],
  work: ReadonlyMap<string, StepWork>,
): Slowest | undefined {
  const computing = devices.flatMap((device) => {
    const its = work.get(device.key);
    return its && device.state === 'ready' && device.tileBytes > 0 ? [{ device, its }] : [];
  });
  if (computing.length < 2) return undefined;
  const { device, its } = computing.reduce((most, one) => (one.its.ownMs > most.its.ownMs ? one : most));
  const allBytes = computing.reduce((sum, one) => sum + one.device.tileBytes, 0);
  const share = percent(device.tileBytes / allBytes);
  const parts = partsOf(device, its, share);
  const [, reason] = parts.reduce((most, part) => (part[0] > most[0] ? part : most));
  return { key: device.key, reason: reason + driftOf(device) };
}

/** Parts of a step's time in ms, with what each is. */
function partsOf({ profile, memory }: KeyedDevice, its: StepWork, share: string): [number, string][] {
  const rttMs = profile?.link?.rttMs ?? 0;
  // A rank without syncs is sent its input and answers once.
  const ways = Math.max(1, its.syncs);
  const linkMs = Math.min(its.ownMs, ways * rttMs);
  const readMs = memory ? Math.min(its.ownMs - linkMs, its.readWaitMs) : 0;
  const times = `${Math.round(ways)} ${ways < 1.5 ? 'time' : 'times'}`;
  return [
    [
      its.ownMs - linkMs - readMs,
      `computes ${milliseconds(its.ownMs - linkMs - readMs)} a step, with ${share} of the weights`,
    ],
    [linkMs, `its link takes ${milliseconds(rttMs)} there and back, ${times} a step`],
    [readMs, `waits ${milliseconds(readMs)} a step for weights from its disk`],
  ];
}

function driftOf({ drift }: KeyedDevice): string {
  return drift !== undefined && drift < 1
    ? `; it is ${percent(1 - drift)} slower than when it got its tiles`
    : '';
}
