// Lets devices vanish under running answers, again and again, and tells how long clients waited for the next token and
// what for. Not a test: it takes as long as it is told to. docs/bench.md tells how to use it.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import esbuild from 'esbuild';
import { root } from '../bench/history.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    faults: { type: 'string', default: '300' },
    kinds: { type: 'string', default: 'killed,stopped,silent,cut' },
    agents: { type: 'string', default: '4' },
    streams: { type: 'string', default: '2' },
    prompt: { type: 'string', short: 'p', default: '64' },
    generate: { type: 'string', short: 'n', default: '160' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '600' },
    serve: { type: 'string', default: '--split 1,1,1,1' },
  },
});

const folder = mkdtempSync(join(root, 'dist', 'soak-'));
try {
  const outfile = join(folder, 'soak.mjs');
  await esbuild.build({
    entryPoints: [join(root, 'tests/soak/soak.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const { soak } = await import(outfile);
  process.exitCode = (await soak(values)) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
