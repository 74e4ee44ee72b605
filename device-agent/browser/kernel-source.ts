import { HearthError } from '../../runtime/error.ts';
import { type KernelBytes, type Kernels, loadKernels } from '../../runtime/kernels/kernels.ts';

/** Starts kernels over a memory: by default one of their own. */
export type StartKernels = (memory?: WebAssembly.Memory) => Kernels;

/**
 * Fetches the kernels from beside this script.
 * @param shared whether threads are to share memories
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export async function fetchKernels(shared: boolean): Promise<KernelBytes> {
  const [relaxed, baseline] = await Promise.all([fetchBuild('relaxed'), fetchBuild('baseline')]);
  if (!shared) return { relaxed, baseline };
  const builds = ['relaxed-shared', 'baseline-shared'] as const;
  const [relaxedShared, baselineShared] = await Promise.all(builds.map(fetchBuild));
  return { relaxed, baseline, 'relaxed-shared': relaxedShared!, 'baseline-shared': baselineShared! };
}

async function fetchBuild(build: keyof KernelBytes): Promise<Uint8Array> {
  const file = `kernels.${build}.wasm`;
  const response = await fetch(new URL(file, self.location.href)).catch(() => undefined);
  if (response?.ok) return new Uint8Array(await response.arrayBuffer());
  throw new HearthError('KERNEL_UNAVAILABLE', `the coordinator did not send ${file}: load the page again`, {
    build,
  });
}

export function kernelStarter(bytes: KernelBytes): StartKernels {
  return (memory) => loadKernels(bytes, { ...(memory && { memory }) });
}
