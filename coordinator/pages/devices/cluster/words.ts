import type { ClusterState } from '../../../cluster/cluster-options.ts';
import type { DeviceState } from '../../../cluster/device-state.ts';
import type { StepWork } from './step-work.ts';
import type { KeyedDevice } from './keyed-devices.ts';
import { deviceStates } from '../../shared/device-states.ts';

export function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

/** `0.42 ms`, `7.3 ms`, `120 ms`, `1.4 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000)} s`;
  return `${digits(ms)} ms`;
}

/** Two digits at least, and no more of them than mean something. */
export function digits(value: number): string {
  if (value >= 10) return String(Math.round(value));
  return String(Number(value.toPrecision(2)));
}

export const clusterStates: Readonly<Record<ClusterState, string>> = {
  waiting: 'Waiting for devices',
  loading: 'Loading',
  ready: 'Ready',
  closed: 'Stopped',
};

/** In a word or two. */
export function stateOf({ state, paused, tiles, loadedTiles }: DeviceState): string {
  if (paused) return 'paused';
  const isLoading = state === 'loading' || state === 'preparing';
  return isLoading
    ? `${deviceStates[state]} ${percent(loadedTiles / Math.max(1, tiles))}`
    : deviceStates[state];
}

/** Left out until a person lets it compute again. */
export function waitsForOwner({ paused, state }: DeviceState): boolean {
  return paused || state === 'quarantined';
}

/** With the reason, where there is one. */
export function stateInWords(device: DeviceState): string {
  const { paused, reason } = device;
  if (reason === undefined || paused) return reason ?? stateOf(device);
  return `${stateOf(device)}: ${reason}`;
}

/** Its part of all that devices with a place hold. */
export function shareOf({ tileBytes, rank }: KeyedDevice, all: readonly KeyedDevice[]): number {
  const placed = all.reduce((sum, device) => sum + (device.rank === undefined ? 0 : device.tileBytes), 0);
  return rank === undefined || placed === 0 ? 0 : tileBytes / placed;
}

export function bytesOf({ upBytes, downBytes }: StepWork): number {
  return upBytes + downBytes;
}

/** Weights of the type that the model has most of: it was measured first. */
export function decodeRate({ profile }: DeviceState): number | undefined {
  return Object.values(profile?.kernels ?? {})[0]?.decodeBytesPerSecond;
}

/** What its GPU has of its tiles, where it has one. */
export function gpuInWords({ profile, memory }: DeviceState): string | undefined {
  if (!profile?.gpu) return undefined;
  return memory?.gpuTiles ? `GPU: ${memory.gpuTiles} tiles` : 'GPU rests';
}
