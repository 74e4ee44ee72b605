import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Not Hearth's: 130 MB, which only who has a GPU for Node installs. */
const packageName = 'webgpu@0.6.2';
const folder = fileURLToPath(new URL('../../node_modules/.cache/webgpu/', import.meta.url));

/** SwiftShader, a GPU in software: Chromium's, with the loader that comes with it. */
const chromiumFolder = '/usr/lib/chromium';
const icd = `${chromiumFolder}/vk_swiftshader_icd.json`;

/**
 * What processes that a test starts have in their environment to compute on a GPU. The package is installed if it is missing,
 * where nobody else finds it. Where it cannot be had, or no driver is there, a test is skipped with the reason; but never in
 * CI, where both must be had.
 */
export function webGpuOrReason():
  | { readonly environment: Record<string, string> }
  | { readonly reason: string } {
  const reason = missingDriver() ?? missingPackage();
  if (reason === undefined) {
    const driver = process.env.VK_ICD_FILENAMES
      ? {}
      : { VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: chromiumFolder };
    return { environment: { ...driver, NODE_PATH: `${folder}node_modules` } };
  }
  if (process.env.CI) throw new Error(`CI must run the tests of GPUs in Node, but ${reason}`);
  return { reason };
}

function missingDriver(): string | undefined {
  if (process.env.VK_ICD_FILENAMES || existsSync(icd)) return undefined;
  return `there is no Vulkan driver: VK_ICD_FILENAMES names none, and Chromium’s is not in ${chromiumFolder}`;
}

/** Installs it, if need be. @returns why it could not be installed */
function missingPackage(): string | undefined {
  if (existsSync(`${folder}node_modules/webgpu`)) return undefined;
  mkdirSync(folder, { recursive: true });
  try {
    const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', folder, packageName];
    execFileSync('npm', args, { stdio: 'ignore', timeout: 600_000 });
    return undefined;
  } catch (error) {
    return `npm could not install ${packageName}: ${error instanceof Error ? error.message : error}`;
  }
}
