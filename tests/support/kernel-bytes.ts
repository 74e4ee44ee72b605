import { readFileSync } from 'node:fs';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';

const read = (build: string) =>
  new Uint8Array(readFileSync(new URL(`../../dist/assembly/kernels.${build}.wasm`, import.meta.url)));

/** Both builds, as `npm run build` left them. */
export const kernelBytes: KernelBytes = { relaxed: read('relaxed'), baseline: read('baseline') };
