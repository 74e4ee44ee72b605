import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Builds the template worker by itself, so that these tests do not depend on what lies in dist/. Gives its path. */
export async function buildWorker(): Promise<string> {
  const outfile = join(mkdtempSync(join(tmpdir(), 'hearth-')), 'template-worker.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../../coordinator/chat/template-worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return outfile;
}
