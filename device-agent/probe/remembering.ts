import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { MeasureDevice, MeasureJob } from './measure.ts';

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
 * @param isWhole whether they are worth remembering: a GPU may have been left out
 */
export function remembering(
  memory: RatesMemory,
  circumstances: string,
  measure: (job: MeasureJob, signal: AbortSignal) => Promise<DeviceRates>,
  isWhole: (rates: DeviceRates) => boolean = () => true,
): MeasureDevice {
  return async ({ formats, kvFormat, fresh }, signal) => {
    const key = `${circumstances}, KV in ${kvFormat}`;
    const known = fresh ? undefined : await memory.find(key);
    const missing = formats.filter((name) => !known?.kernels[name]);
    if (known && missing.length === 0) return only(known, formats);
    const { kernels: added, gpu, ...measured } = await measure({ formats: missing, kvFormat }, signal);
    const rates: DeviceRates = {
      ...known,
      ...measured,
      kernels: { ...known?.kernels, ...added },
      ...(gpu && { gpu: { ...gpu, kernels: { ...known?.gpu?.kernels, ...gpu.kernels } } }),
    };
    if (isWhole(rates)) memory.note(key, rates);
    return only(rates, formats);
  };
}

/** Without weight types that were measured for other models. */
function only(rates: DeviceRates, formats: readonly (keyof DeviceRates['kernels'])[]): DeviceRates {
  const those = (kernels: DeviceRates['kernels']): DeviceRates['kernels'] =>
    Object.fromEntries(formats.flatMap((name) => (kernels[name] ? [[name, kernels[name]]] : [])));
  const { kernels, gpu } = rates;
  return { ...rates, kernels: those(kernels), ...(gpu && { gpu: { ...gpu, kernels: those(gpu.kernels) } }) };
}
