import { Gpu } from '../../runtime/gpu/gpu.ts';
import { DeviceGpu, type DeviceGpuOptions } from '../device-gpu.ts';
import { gpuClock } from '../gpu-clock.ts';
import type { GpuWishes } from '../gpu-wishes.ts';

/** This browser's GPU, where there is one that pages may use and its owner has not said no. */
export async function openBrowserGpu(
  wishes: GpuWishes,
  device: Pick<DeviceGpuOptions, 'logger' | 'threads' | 'rankBytes'>,
): Promise<DeviceGpu | undefined> {
  // Only pages that nobody could have changed on their way have it.
  const { gpu: entry } = navigator as { readonly gpu?: GPU };
  if (wishes.use === 'off' || !entry) return undefined;
  try {
    const gpu = await Gpu.open(entry, wishes.use === 'always');
    return gpu && new DeviceGpu(gpu, { ...wishes, ...device, clock: gpuClock });
  } catch (error) {
    device.logger.warn({ error }, 'the GPU cannot be used');
    return undefined;
  }
}
