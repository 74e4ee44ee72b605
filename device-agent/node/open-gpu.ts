import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { HearthError } from '../../runtime/error.ts';
import { Gpu } from '../../runtime/gpu/gpu.ts';
import { DeviceGpu, type DeviceGpuOptions } from '../device-gpu.ts';
import type { GpuWishes } from '../gpu-wishes.ts';
import { gpuClock } from '../gpu-clock.ts';

/** What of a device its GPU has to do with. */
export type GpuDevice = Pick<DeviceGpuOptions, 'logger' | 'threads' | 'rankBytes'>;

/** WebGPU for Node, which is no dependency: 130 MB that few devices have a use for. */
const packageName = 'webgpu';

interface WebGpuPackage {
  readonly create: (options: readonly string[]) => GPU;
  /** `GPUBufferUsage` and the like, as browsers have them. */
  readonly globals: object;
}

/**
 * What stands for `navigator.gpu` in Node.
 * @returns undefined where the package is not installed, neither beside Hearth nor in a folder of `NODE_PATH`
 */
export async function nodeGpuEntry(): Promise<GPU | undefined> {
  const found = await loadPackage();
  if (!found) return undefined;
  Object.assign(globalThis, found.globals);
  return found.create([]);
}

/**
 * This machine's GPU, where there is one and its owner has not said no.
 * @throws HearthError USAGE if one is asked for, and there is none
 */
export async function openNodeGpu(wishes: GpuWishes, device: GpuDevice): Promise<DeviceGpu | undefined> {
  if (wishes.use === 'off') return undefined;
  const isAsked = wishes.use === 'always';
  const entry = await nodeGpuEntry();
  // One in software is a slower processor.
  const gpu = entry && (await Gpu.open(entry, isAsked));
  if (gpu) return new DeviceGpu(gpu, { ...wishes, ...device, clock: gpuClock });
  if (!isAsked) return undefined;
  throw new HearthError(
    'USAGE',
    entry
      ? 'there is no GPU here that programs can use: install its driver (Vulkan, Metal or Direct3D 12), or leave out --gpu'
      : `the package ${packageName} is missing: npm install --no-save ${packageName}, or leave out --gpu`,
  );
}

async function loadPackage(): Promise<WebGpuPackage | undefined> {
  try {
    const path = createRequire(import.meta.url).resolve(packageName);
    return (await import(pathToFileURL(path).href)) as WebGpuPackage;
  } catch {
    return undefined;
  }
}
