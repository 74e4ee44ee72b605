import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openModel } from '../../coordinator/files/open-model.ts';
import { plainLogger } from '../../device-agent/node/plain-logger.ts';
import { nodeThreads } from '../../device-agent/node/compute-threads.ts';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { startLoader } from '../../device-agent/node/loader-thread.ts';
import { nodeRowReaders } from '../../device-agent/node/row-readers.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { kernelRanks } from '../../device-agent/rank-host.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { tileHashBytes } from '../../runtime/tile/tile-hash.ts';
import { rankSetup } from '../support/rank-host.ts';
import { rankOptions, wayOf } from './sparse-rounds.ts';

/** One way of `cold-neurons.mjs`, in a process of its own: decodes, and prints as JSON what that took. */
const { values: given } = parseArgs({
  options: {
    model: { type: 'string' },
    folder: { type: 'string' },
    way: { type: 'string' },
    threads: { type: 'string' },
    tokens: { type: 'string' },
    percent: { type: 'string' },
    'seek-bytes': { type: 'string' },
  },
});
const { folder = '', way = '' } = given;
const threads = Number(given.threads);
const model = await openModel(given.model!, way === 'predicted' ? { threshold: 0 } : undefined);
const { description } = model;
const [assignment] = planByShares(model.tiles, [1]);
const options = { ...rankOptions, ...(way === 'dense' && { ffn: { everyNeuron: true } }) };
const bytes = rankBytes(description, assignment!, options, threads, maximumMemoryBytes);
const weightBytes = (Number(given.percent) / 100) * bytes.tiles;
const room = { folder: join(folder, 'tiles'), limitBytes: 1e12 };
const seekBytes = given['seek-bytes'] === 'measured' ? undefined : Number(given['seek-bytes']);
const rowReaders = nodeRowReaders(room, plainLogger, seekBytes);
// The same for all: what threads that read records would take is for weights where there are none.
const memoryBytes = Math.floor(bytes.rest + weightBytes + rowReaders.threadBytes);
const host = kernelRanks({
  startKernels,
  threads: nodeThreads(threads, plainLogger, room),
  sources: { cache: new FolderTileCache(room), model, sha256: nodeSha256 },
  memoryBytes,
  startLoader: (job) => startLoader(job, room, plainLogger),
  rowReaders,
})({ ...rankSetup(description, assignment!, options), ...knownHashes() });
const hashes = new Uint8Array(model.tiles.length * tileHashBytes);
await host.load({
  wanted: () => {},
  loaded: (id, hash) => hashes.set(hash, id * tileHashBytes),
});
writeFileSync(hashFile(), hashes);
const run = wayOf(host, model);
const tokens = Number(given.tokens);
await run.prefill();
const prefillMs = await run.prefill();
// The window finds its size meanwhile.
await run.decode(tokens);
const before = host.memory();
const beforeUsage = process.cpuUsage();
const ms = await run.decode(tokens);
const { user, system } = process.cpuUsage(beforeUsage);
const { residentBytes, windowBytes, coldBytes, ...after } = host.memory();
console.log(
  JSON.stringify({
    msPerToken: ms / tokens,
    processorMsPerToken: (user + system) / 1000 / tokens,
    prefillMs,
    digest: run.digest(),
    memoryBytes,
    tileBytes: bytes.tiles,
    residentBytes,
    windowBytes,
    coldBytes,
    seekBytes: rowReaders.seekBytes(),
    recordsPerToken: (after.records - before.records) / tokens,
    recordBytesPerToken: (after.recordBytes - before.recordBytes) / tokens,
    streamedPerToken: (after.streamedBytes - before.streamedBytes) / tokens,
    waitMs: (after.waitMs - before.waitMs) / tokens,
  }),
);
process.exit(0);

function hashFile(): string {
  return join(folder, `${way === 'predicted' ? 'predicted' : 'exact'}.hashes`);
}

/** Of tiles that a run before has kept. */
function knownHashes(): { tileHashes?: Uint8Array } {
  return existsSync(hashFile()) ? { tileHashes: new Uint8Array(readFileSync(hashFile())) } : {};
}
