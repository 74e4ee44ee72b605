// Builds everything that runs: the kernels (two WebAssembly builds of one source), the Node entry points and the pages.
// With `--if-changed` only if a source has changed since it did. With `--dev` it then builds again on every change and
// restarts a coordinator and two agents.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import esbuild from 'esbuild';
import { buildPages, compressAll } from './coordinator/pages/build-pages.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Every bundle that is started by itself; a worker must be an entry point of its own. */
const nodeEntryPoints = [
  'coordinator/hearth.ts',
  'coordinator/chat/template-worker.ts',
  'coordinator/checking/check-worker.ts',
  'coordinator/files/tile-worker.ts',
  'coordinator/planning/plan-worker.ts',
  'coordinator/quantize/encode-worker.ts',
  'device-agent/node/local-worker.ts',
  'device-agent/node/compute-worker.ts',
  'device-agent/node/loader-worker.ts',
  'device-agent/node/row-reader-worker.ts',
  'device-agent/node/probe-worker.ts',
];

/** Workers of the page that lends a browser: plain scripts beside it, under names that they know of each other. */
const browserEntryPoints = ['driver', 'compute-worker', 'loader-worker', 'probe-worker'];

/** Targets of asconfig.json. */
const kernelBuilds = ['baseline', 'relaxed', 'baseline-shared', 'relaxed-shared'];

const sourceFolders = ['assembly', 'runtime', 'device-agent', 'coordinator'];
const sourceFiles = ['build.mjs', 'asconfig.json', 'package-lock.json'];
/** Is as old as the sources of which all was built. */
const stamp = `${root}dist/built`;

async function hasChanged() {
  const built = await stat(stamp).catch(() => undefined);
  if (!built) return true;
  const listed = await Promise.all(
    sourceFolders.map(async (folder) =>
      (await readdir(root + folder, { recursive: true })).map((path) => join(folder, path)),
    ),
  );
  const paths = [...sourceFiles, ...sourceFolders, ...listed.flat()];
  const changes = await Promise.all(paths.map((path) => stat(root + path)));
  return changes.some(({ mtimeMs }) => mtimeMs > built.mtimeMs);
}

async function buildKernels(target) {
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target], {
    baseDir: root,
  });
  if (error) throw new Error(`asc failed for the ${target} build:\n${stderr.toString()}`);
}

function buildNode() {
  return esbuild.build({
    absWorkingDir: root,
    entryPoints: nodeEntryPoints,
    outdir: 'dist',
    outbase: '.',
    bundle: true,
    // What a command does not need it does not load.
    splitting: true,
    chunkNames: 'chunks/[hash]',
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    logLevel: 'warning',
  });
}

async function buildBrowserWorkers(outdir) {
  const { version } = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8'));
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: browserEntryPoints.map((name) => `device-agent/browser/${name}.ts`),
    outdir,
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    legalComments: 'none',
    define: { hearthVersion: JSON.stringify(version) },
    logLevel: 'warning',
  });
}

async function copyKernels(outdir) {
  await mkdir(outdir, { recursive: true });
  const names = kernelBuilds.map((build) => `kernels.${build}.wasm`);
  await Promise.all(names.map((name) => copyFile(`${root}dist/assembly/${name}`, `${outdir}/${name}`)));
}

async function buildAll() {
  const pages = `${root}dist/coordinator/pages`;
  await Promise.all([
    ...kernelBuilds.map(buildKernels),
    buildNode(),
    buildPages(pages),
    buildBrowserWorkers(`${pages}/join`),
  ]);
  await copyKernels(`${pages}/join`);
  await compressAll(pages);
}

/** A coordinator without weights and two agents, as a small cluster to work on. */
function startCluster() {
  const secret = 'only-for-development-here';
  const hearth = (...args) =>
    spawn(process.execPath, ['dist/coordinator/hearth.js', ...args, '--secret', secret], {
      cwd: root,
      stdio: 'inherit',
    });
  const joining = (name) => hearth('join', 'ws://127.0.0.1:11500', '--name', name);
  return [
    hearth('serve', '--no-local', '--devices', '2', '--log-level', 'info'),
    joining('agent-1'),
    joining('agent-2'),
  ];
}

async function develop() {
  let processes = startCluster();
  let timer;
  const restart = async () => {
    try {
      await buildAll();
      for (const child of processes) child.kill();
      await Promise.all(
        processes.map((child) => child.exitCode ?? new Promise((done) => child.once('exit', done))),
      );
      processes = startCluster();
    } catch (error) {
      // What was built last keeps running until the mistake is mended.
      console.error(error.message);
    }
  };
  for (const folder of sourceFolders) {
    watch(new URL(folder, import.meta.url), { recursive: true }, () => {
      // An editor's save is several events.
      clearTimeout(timer);
      timer = setTimeout(restart, 150);
    });
  }
}

if (!process.argv.includes('--if-changed') || (await hasChanged())) {
  const begun = new Date();
  await rm(new URL('dist', import.meta.url), { recursive: true, force: true });
  await buildAll();
  await writeFile(stamp, '');
  await utimes(stamp, begun, begun);
}
if (process.argv.includes('--dev')) await develop();
