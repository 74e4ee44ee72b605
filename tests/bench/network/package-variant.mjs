import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import esbuild from 'esbuild';
import { root } from '../history.mjs';

/**
 * Builds Hearth as it is here, but with one source file in place of another, to be timed beside what was built of it
 * all. What runs in threads stays as it was built.
 * @param replaced a module's path from the project's folder @param contents what stands in its place, TypeScript
 * @returns the program, and what removes it
 */
export async function packageVariant(replaced, contents) {
  mkdirSync(`${root}dist`, { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'variant-'));
  const remove = () => rmSync(folder, { recursive: true });
  try {
    for (const name of [
      'package.json',
      'dist/assembly',
      'dist/coordinator',
      'dist/device-agent',
      'dist/chunks',
    ])
      cpSync(`${root}${name}`, join(folder, name), { recursive: true });
    symlinkSync(`${root}models`, join(folder, 'models'));
    const path = join(root, replaced);
    let seen = false;
    const replacing = {
      name: 'replacing',
      setup: (build) =>
        build.onLoad({ filter: /\.ts$/ }, (module) => {
          if (module.path !== path) return undefined;
          seen = true;
          return { contents, loader: 'ts' };
        }),
    };
    await esbuild.build({
      absWorkingDir: root,
      entryPoints: ['coordinator/hearth.ts'],
      outdir: join(folder, 'dist'),
      outbase: '.',
      bundle: true,
      splitting: true,
      packages: 'external',
      platform: 'node',
      target: 'node20',
      format: 'esm',
      plugins: [replacing],
      logLevel: 'error',
    });
    if (!seen) throw new Error(`${replaced} is no part of what was built`);
    return { program: join(folder, 'dist/coordinator/hearth.js'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
