// node tests/bench/read-cold.mjs FILE: prints as JSON how fast a file is read from its beginning that is not in memory, in
// bytes a second, through the system's cache of files and past it. It takes root.
import { join } from 'node:path';
import esbuild from 'esbuild';
import { root } from './history.mjs';
import { dropCaches } from './memory-group.mjs';

const built = join(root, 'dist', 'bench', 'read-rate.js');
await esbuild.build({
  entryPoints: [join(root, 'device-agent/node/read-rate.ts')],
  outfile: built,
  bundle: true,
  platform: 'node',
  format: 'esm',
});
const { readRate } = await import(built);
const milliseconds = 1500;

const [path] = process.argv.slice(2);
await dropCaches();
const buffered = readRate([path], { direct: false, milliseconds });
await dropCaches();
const direct = readRate([path], { direct: true, milliseconds });
console.log(JSON.stringify({ buffered, direct }));
