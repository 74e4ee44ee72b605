// node tests/bench/read-cold.mjs FILE: prints as JSON how fast a file is read from its beginning that is not in memory, in
// bytes a second, through the system's cache of files and past it. It takes root.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dropCaches } from './memory-group.mjs';

const blockBytes = 1 << 20;
const durationMs = 1500;

async function rate(path, flags) {
  // Aligned to pages, as direct reads want it.
  const block = new Uint8Array(new WebAssembly.Memory({ initial: blockBytes >> 16 }).buffer);
  await dropCaches();
  const file = openSync(path, constants.O_RDONLY | flags);
  const { size } = fstatSync(file);
  let bytes = 0;
  const beganMs = performance.now();
  // Through the cache it is read once at most.
  while (performance.now() < beganMs + durationMs && (flags !== 0 || bytes < size))
    bytes += readSync(file, block, 0, blockBytes, bytes % size);
  const rate = (1000 * bytes) / (performance.now() - beganMs);
  closeSync(file);
  return rate;
}

const [path] = process.argv.slice(2);
const buffered = await rate(path, 0);
const direct = await rate(path, constants.O_DIRECT);
console.log(JSON.stringify({ buffered, direct }));
