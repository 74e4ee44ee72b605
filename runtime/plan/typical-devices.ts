import { type KernelFormatName, kernelFormats } from '../kernels/formats.ts';
import type { DeviceProfile, KernelRates, LinkProfile } from './profiles.ts';

/** Rates that do not depend on the weights' type, as memory mostly decides. */
export function sameRates(rates: KernelRates): Readonly<Record<KernelFormatName, KernelRates>> {
  const names = Object.keys(kernelFormats) as KernelFormatName[];
  return Object.fromEntries(names.map((name) => [name, rates])) as Record<KernelFormatName, KernelRates>;
}

function typical(
  name: string,
  threads: number,
  gigabytesPerSecond: number,
  gigaflops: number,
  rest: Pick<DeviceProfile, 'memoryBytes' | 'diskBytesPerSecond' | 'link'>,
): DeviceProfile {
  const decodeBytesPerSecond = gigabytesPerSecond * 1e9;
  return {
    name,
    threads,
    kernels: sameRates({ decodeBytesPerSecond, prefillFlopsPerSecond: gigaflops * 1e9 }),
    attentionBytesPerSecond: decodeBytesPerSecond / 2,
    syncMs: 0.1,
    ...rest,
  };
}

function link(rttMs: number, rttP95Ms: number, bytesPerSecond: number): LinkProfile {
  return { rttMs, rttP95Ms, upBytesPerSecond: bytesPerSecond, downBytesPerSecond: bytesPerSecond };
}

/** Devices as they may be: for a first guess, before any has been measured. Memory is what such a one can lend. */
export const typicalDevices: Readonly<Record<string, DeviceProfile>> = {
  desktop: typical('desktop', 8, 35, 700, {
    memoryBytes: 16e9,
    diskBytesPerSecond: 2e9,
    link: link(0.5, 0.8, 110e6),
  }),
  laptop: typical('laptop', 8, 25, 400, {
    memoryBytes: 8e9,
    diskBytesPerSecond: 1.5e9,
    link: link(3, 9, 25e6),
  }),
  'old-laptop': typical('old-laptop', 4, 10, 120, {
    memoryBytes: 4e9,
    diskBytesPerSecond: 4e8,
    link: link(4, 15, 10e6),
  }),
  tablet: typical('tablet', 4, 15, 120, {
    memoryBytes: 2e9,
    diskBytesPerSecond: 0,
    link: link(5, 20, 15e6),
  }),
  phone: typical('phone', 4, 8, 60, {
    memoryBytes: 1.5e9,
    diskBytesPerSecond: 0,
    link: link(6, 25, 10e6),
  }),
  'raspberry-pi': typical('raspberry-pi', 4, 6, 40, {
    memoryBytes: 6e9,
    diskBytesPerSecond: 8e7,
    link: link(0.6, 1.2, 110e6),
  }),
};

export const typicalKinds: readonly string[] = Object.keys(typicalDevices);

/** @param kinds of `typicalKinds`; several of one kind are numbered */
export function devicesOfKinds(kinds: readonly string[]): DeviceProfile[] {
  return kinds.map((kind, i) => {
    const before = kinds.slice(0, i).filter((other) => other === kind).length;
    return { ...typicalDevices[kind]!, name: before === 0 ? kind : `${kind} ${before + 1}` };
  });
}
