import type { DeviceRates, Measure } from '../../runtime/protocol/probe-messages.ts';

/** What a coordinator wants to know of a device. */
export type MeasureRequest = Omit<Measure, 'type'>;

/**
 * Measures this device, or remembers.
 * @param signal ends the measurement at once
 * @throws whatever went wrong, or why the signal was aborted
 */
export type MeasureDevice = (request: MeasureRequest, signal: AbortSignal) => Promise<DeviceRates>;

/** Of a device that computes so many times as fast, its disk and its syncs apart. */
export function scaledRates(rates: DeviceRates, speed: number): DeviceRates {
  const kernels = Object.entries(rates.kernels).map(
    ([format, { decodeBytesPerSecond, prefillFlopsPerSecond }]) => [
      format,
      {
        decodeBytesPerSecond: speed * decodeBytesPerSecond,
        prefillFlopsPerSecond: speed * prefillFlopsPerSecond,
      },
    ],
  );
  return {
    ...rates,
    kernels: Object.fromEntries(kernels) as DeviceRates['kernels'],
    attentionBytesPerSecond: speed * rates.attentionBytesPerSecond,
  };
}

/** Of a device that cannot measure itself. */
export const unknownRates: DeviceRates = {
  kernels: {},
  attentionBytesPerSecond: 0,
  diskBytesPerSecond: 0,
  syncMs: 0,
};
