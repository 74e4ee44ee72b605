import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { HearthError } from '../../runtime/error.ts';
import { type KernelBytes, type Kernels, loadKernels } from '../../runtime/kernels/kernels.ts';
import { packageRoot } from './package-root.ts';

let bytes: KernelBytes | undefined;

/**
 * Starts the kernels over a memory: by default one of their own, else one that threads share. `HEARTH_KERNELS=baseline`
 * keeps to the build without relaxed SIMD, for comparison: it is slower and gives the same bits.
 * @throws HearthError KERNEL_UNAVAILABLE
 */
export function startKernels(memory?: WebAssembly.Memory): Kernels {
  const build = process.env.HEARTH_KERNELS === 'baseline' ? 'baseline' : 'best';
  return loadKernels(kernelBuilds(), { build, ...(memory && { memory }) });
}

/** All builds, and an engine that can run them. @throws HearthError KERNEL_UNAVAILABLE */
export function kernelBuilds(): KernelBytes {
  allowRelaxedSimd();
  // A model calls a few of the kernels; compiling all of them takes megabytes that would not come back.
  setFlagsFromString('--wasm-lazy-compilation');
  bytes ??= {
    relaxed: readKernels('relaxed'),
    baseline: readKernels('baseline'),
    'relaxed-shared': readKernels('relaxed-shared'),
    'baseline-shared': readKernels('baseline-shared'),
  };
  return bytes;
}

/** Node 20 and 22 have relaxed SIMD behind a flag, read when a module is compiled, in workers too. */
function allowRelaxedSimd(): void {
  if (Number.parseInt(process.versions.node, 10) < 24) setFlagsFromString('--experimental-wasm-relaxed-simd');
}

function readKernels(build: keyof KernelBytes): Uint8Array {
  const file = join(packageRoot(), 'dist', 'assembly', `kernels.${build}.wasm`);
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new HearthError(
      'KERNEL_UNAVAILABLE',
      `${file} cannot be read: build Hearth first`,
      { build },
      cause,
    );
  }
}
