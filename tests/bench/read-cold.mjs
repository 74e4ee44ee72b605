// node tests/bench/read-cold.mjs FILE: prints as JSON how fast the beginning of a file is read that is not in memory,
// in bytes a second, through the system's cache of files and past it. It takes root.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dropCaches } from './memory-group.mjs';

const blockBytes = 1 << 20;
const mostBytes = 512 << 20;

async function rate(path, flags) {
  // Aligned to pages, as direct reads want it.
  const block = new Uint8Array(new WebAssembly.Memory({ initial: blockBytes >> 16 }).buffer);
  await dropCaches();
  const file = openSync(path, constants.O_RDONLY | flags);
  const wantedBytes = Math.min(fstatSync(file).size, mostBytes);
  let bytes = 0;
  const beganMs = performance.now();
  while (bytes < wantedBytes) bytes += readSync(file, block, 0, blockBytes, bytes);
  const durationMs = performance.now() - beganMs;
  closeSync(file);
  return (1000 * bytes) / durationMs;
}

const [path] = process.argv.slice(2);
const buffered = await rate(path, 0);
const direct = await rate(path, constants.O_DIRECT);
console.log(JSON.stringify({ buffered, direct }));
