import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Bundles a TypeScript module of the tests, hands its exports to `use`, and removes the bundle when that has ended.
 * @param entry from the project's folder
 */
export async function bundled(entry, use) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'bundle-'));
  try {
    const outfile = join(folder, 'bundle.mjs');
    await esbuild.build({
      entryPoints: [join(root, entry)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      sourcemap: 'inline',
      logLevel: 'error',
    });
    return await use(await import(outfile));
  } finally {
    // A build that ran meanwhile has removed it.
    rmSync(folder, { recursive: true, force: true });
  }
}
