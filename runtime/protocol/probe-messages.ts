import type { KernelFormatName } from '../kernels/formats.ts';
import type { KvFormat } from '../kernels/kv-page.ts';
import type { DeviceProfile } from '../plan/profiles.ts';

/** coordinator → agent: tell how fast you compute. Who is busy with a rank need not. */
export interface Measure {
  readonly type: 'measure';
  /** Weight types of the model. */
  readonly formats: readonly KernelFormatName[];
  readonly kvFormat: KvFormat;
  /** Whether what is remembered no longer counts. */
  readonly fresh: boolean;
}

/** What a device measures of itself. 0, or no rates of a weight type, is what it cannot tell. */
export type DeviceRates = Pick<
  DeviceProfile,
  'kernels' | 'gpu' | 'attentionBytesPerSecond' | 'diskBytesPerSecond' | 'seekBytes' | 'syncMs'
>;

/** agent → coordinator: the answer to each `measure`. */
export interface Measured extends DeviceRates {
  readonly type: 'measured';
}

/** Bytes that a burst message carries at most, and all of those that one `burstWanted` asks for. */
export const burstPieceBytes = 1 << 16;
export const maxBurstBytes = 1 << 22;

/** Either way: bytes without meaning, by whose time on the way a link is measured. */
export interface Burst {
  readonly type: 'burst';
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** coordinator → agent: send so many bytes in bursts of this id, unless a step comes. */
export interface BurstWanted {
  readonly type: 'burstWanted';
  readonly id: number;
  readonly byteLength: number;
}

/** What is said for measuring alone: it concerns no rank. */
export type ProbeMessage = Measure | Measured | Burst | BurstWanted;

const probeTypes: ReadonlySet<string> = new Set<ProbeMessage['type']>([
  'measure',
  'measured',
  'burst',
  'burstWanted',
]);

export function isProbe<T extends { readonly type: string }>(
  message: T,
): message is Extract<T, ProbeMessage> {
  return probeTypes.has(message.type);
}
