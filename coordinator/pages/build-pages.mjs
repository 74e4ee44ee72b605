// Bundles the pages that the coordinator serves: each folder beside this file that has an index.html.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import esbuild from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const shared = join(here, 'shared');

/** What is copied as it is. */
const staticEndings = ['.svg', '.webmanifest'];

/** @param outdir folder that gets one folder for each page */
export async function buildPages(outdir) {
  const entries = await readdir(here, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, 'index.html')))
    .map(({ name }) => name);
  await Promise.all(names.map((name) => buildPage(join(here, name), join(outdir, name))));
}

async function buildPage(source, target) {
  await mkdir(target, { recursive: true });
  const files = [...(await bundle(source, target)), ...(await copyStatics(source, target))];
  await writeIndex(source, target, files);
  if (existsSync(join(source, 'service-worker.ts'))) await writeServiceWorker(source, target, files);
}

/** Scripts and styles, named by their hash, so that browsers may keep them for ever. @returns paths from the page */
async function bundle(source, target) {
  const options = {
    absWorkingDir: source,
    outdir: join(target, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  };
  const builds = await Promise.all([
    esbuild.build({ ...options, entryPoints: ['main.tsx'], format: 'esm', splitting: true }),
    // A script that holds up the page until it has run, which modules do not.
    esbuild.build({ ...options, entryPoints: [join(shared, 'theme-at-start.ts')], format: 'iife' }),
  ]);
  const outputs = builds.flatMap(({ metafile }) => Object.keys(metafile.outputs));
  return outputs.map((path) => relative(target, join(source, path)));
}

async function copyStatics(source, target) {
  const isStatic = (name) => staticEndings.some((ending) => name.endsWith(ending));
  const paths = [];
  for (const folder of [shared, source])
    paths.push(...(await readdir(folder)).filter(isStatic).map((name) => join(folder, name)));
  for (const path of paths) await copyFile(path, join(target, basename(path)));
  return paths.map((path) => basename(path));
}

/** Puts the bundles' names where the page says `%main.js%`. */
async function writeIndex(source, target, files) {
  const template = await readFile(join(source, 'index.html'), 'utf8');
  const html = template.replace(/%([\w-]+)\.(\w+)%/g, (_, name, ending) => {
    const pattern = new RegExp(`^${name}-\\w+\\.${ending}$`);
    const found = files.find((file) => pattern.test(basename(file)));
    if (!found) throw new Error(`${source}: there is no bundle for ${name}.${ending}`);
    return found;
  });
  await writeFile(join(target, 'index.html'), html);
}

/** It knows the other files by name, so it is the last. Its own name stays, or browsers would not find the next one. */
async function writeServiceWorker(source, target, files) {
  const hash = createHash('sha256');
  for (const file of ['index.html', ...files]) hash.update(await readFile(join(target, file)));
  await esbuild.build({
    entryPoints: [join(source, 'service-worker.ts')],
    outdir: target,
    bundle: true,
    format: 'iife',
    minify: true,
    define: {
      pageFiles: JSON.stringify(files),
      pageVersion: JSON.stringify(hash.digest('hex').slice(0, 16)),
    },
    logLevel: 'warning',
  });
}

/** For servers, which send what a browser takes. */
export async function compressAll(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  await Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(file);
      await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes, brotli));
      await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
    }),
  );
}
