import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { MeasureDevice, MeasureRequest } from './measure.ts';

/** Where a device notes what it measured. */
export interface RatesMemory {
  /** @param key of the circumstances: all that makes a device faster or slower for good */
  find(key: string): DeviceRates | undefined | Promise<DeviceRates | undefined>;
  note(key: string, rates: DeviceRates): void;
}

/** A device changes: it gets a new system, dust, other programs. */
export const rememberedMs = 21 * 24 * 3_600_000;

/**
 * Measures a device, weight types that are not remembered alone.
 * @param circumstances all but the KV cache's type that a device's speed depends on
 */
export function remembering(
  memory: RatesMemory,
  circumstances: string,
  measure: (job: Omit<MeasureRequest, 'fresh'>, signal: AbortSignal) => Promise<DeviceRates>,
): MeasureDevice {
  return async ({ formats, kvFormat, fresh }, signal) => {
    const key = `${circumstances}, KV in ${kvFormat}`;
    const known = fresh ? undefined : await memory.find(key);
    const missing = formats.filter((name) => !known?.kernels[name]);
    if (known && missing.length === 0) return only(known, formats);
    const { kernels: added, ...measured } = await measure({ formats: missing, kvFormat }, signal);
    const rates = { ...known, ...measured, kernels: { ...known?.kernels, ...added } };
    memory.note(key, rates);
    return only(rates, formats);
  };
}

/** Without weight types that were measured for other models. */
function only(rates: DeviceRates, formats: readonly (keyof DeviceRates['kernels'])[]): DeviceRates {
  const kernels = Object.fromEntries(formats.map((name) => [name, rates.kernels[name]!]));
  return { ...rates, kernels };
}
