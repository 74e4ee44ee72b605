import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { partsFolder } from '../../device-agent/node/tile-parts.ts';
import { Random } from '../support/random.ts';
import type { CacheTask } from './cache-process.ts';
import { cacheAt, filesIn, testFolder, usedBytes } from './fixtures.ts';
import { seededTile } from './seeded-tile.ts';

const programFolder = mkdtempSync(join(tmpdir(), 'hearth-'));
const program = join(programFolder, 'cache-process.mjs');
afterAll(() => rmSync(programFolder, { recursive: true }));
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('cache-process.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
});

const folder = testFolder();
const seconds = (count: number) => AbortSignal.timeout(count * 1000);

function start(task: CacheTask, shellPrefix = ''): ChildProcess {
  const script = `${shellPrefix} exec "$0" "$1" "$2"`;
  const args = ['-c', script, process.execPath, program, JSON.stringify(task)];
  return spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function resultOf(child: ChildProcess): Promise<Record<string, number | boolean>> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close', { signal: seconds(20) }),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

it('what is killed while it stores leaves whole tiles and no litter for long', {
  timeout: 60_000,
}, async () => {
  const random = new Random(7);
  const tileBytes = 1_000_000;
  const tiles = Array.from({ length: 8 }, (_, i) => seededTile(i, tileBytes));
  const target = new Uint8Array(tileBytes);
  const seen = { parts: 0, tiles: 0 };
  // On until somebody was killed in the middle of a store: when a signal comes is the system's matter.
  for (let round = 0; round < 12 || (seen.parts === 0 && round < 200); round += 1) {
    const shared = { folder: folder.path, limitBytes: 6.5 * tileBytes, tileCount: tiles.length, tileBytes };
    const child = start({ ...shared, what: 'store', seed: round, rounds: 1e6 });
    await once(child.stdout!, 'data', { signal: seconds(20) });
    await sleep(random.integer(20));
    child.kill('SIGKILL');
    await once(child, 'close', { signal: seconds(20) });

    const files = [...filesIn(folder.path)];
    const parts = files.filter(([path]) => path.startsWith('parts'));
    const lengths = files.filter((file) => !parts.includes(file)).map(([, length]) => length);
    expect(lengths).toEqual(lengths.map(() => tileBytes));
    const cache = cacheAt(folder.path);
    const found = tiles.filter(({ hash, bytes }) => {
      const isThere = cache.has(hash, tileBytes);
      expect(cache.load(hash, target)).toBe(isThere);
      if (isThere) expect(Buffer.compare(target, bytes)).toBe(0);
      return isThere;
    });
    expect(found.length).toBe(lengths.length);
    expect(filesIn(folder.path).size).toBe(found.length);
    seen.parts += parts.length;
    seen.tiles += found.length;
  }
  // Otherwise nobody was killed at a moment that matters.
  expect(seen.parts).toBeGreaterThan(0);
  expect(seen.tiles).toBeGreaterThan(0);
});

it('processes store and evict in one folder', async () => {
  const tileBytes = 16_000;
  const limitBytes = 128 * tileBytes;
  const shared = { folder: folder.path, limitBytes, tileCount: 250, tileBytes, rounds: 800 };
  const results = await Promise.all([1, 2].map((seed) => resultOf(start({ ...shared, what: 'mix', seed }))));
  for (const { stored, loaded, opened } of results) {
    expect(stored).toBeGreaterThan(200);
    expect(loaded).toBeGreaterThan(200);
    expect(opened).toBeGreaterThan(200);
  }
  expect(usedBytes(folder.path)).toBeLessThanOrEqual(limitBytes);
  expect(usedBytes(folder.path)).toBeGreaterThan(limitBytes * 0.85);
  expect(readdirSync(partsFolder(folder.path))).toEqual([]);
});

it.skipIf(process.platform !== 'linux')('more tiles are open than there are descriptors', async () => {
  const shared = {
    folder: folder.path,
    limitBytes: 1e9,
    tileCount: 200,
    tileBytes: 5000,
    rounds: 1,
    seed: 1,
  };
  const child = start({ ...shared, what: 'hold' }, 'ulimit -n 80;');
  expect(await resultOf(child)).toEqual({ opened: 200, loaded: true });
});
