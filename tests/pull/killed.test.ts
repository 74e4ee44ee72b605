import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseJournal } from '../../coordinator/pull/journal.ts';
import { Random } from '../support/random.ts';
import { chunkBytes } from './chunk-bytes.ts';
import { sha256 } from './fake-hub.ts';
import { fakeModel, PullBench } from './fixtures.ts';

const bench = new PullBench();
const outdir = fileURLToPath(new URL('../../dist/tests/', import.meta.url));
const program = join(outdir, 'pull-process.js');

beforeAll(async () => {
  mkdirSync(outdir, { recursive: true });
  const entryPoints = [fileURLToPath(new URL('pull-process.ts', import.meta.url))];
  await build({ entryPoints, outdir, bundle: true, packages: 'external', platform: 'node', format: 'esm' });
});
afterAll(() => rmSync(program));

function startPull(model: Buffer): ChildProcess {
  const url = bench.hub.fileUrl('model.gguf').href;
  return spawn(process.execPath, [program, url, sha256(model), bench.folder], { stdio: 'ignore' });
}

it.each([1, 2])('a pull killed at random moments never leaves a wrong file (seed %i)', async (seed) => {
  const random = new Random(seed);
  const model = fakeModel(60 * chunkBytes + 77, seed);
  bench.hub.files.set('model.gguf', model);
  const journal = join(bench.folder, 'model.gguf.part.journal');
  let claimed = 0;
  for (let round = 0; round < 3; round += 1) {
    const child = startPull(model);
    const closed = once(child, 'close');
    let left = 3 + random.integer(15);
    bench.hub.misbehave = ({ range, bytes }, response) => {
      left -= 1;
      if (left > 0) return false;
      // In the middle of a chunk, or of what is done with it.
      response.writeHead(206, { 'content-range': `bytes ${range!.start}-${range!.end - 1}/${bytes.length}` });
      response.write(bytes.subarray(range!.start, range!.start + random.integer(chunkBytes)));
      setTimeout(() => child.kill('SIGKILL'), random.unit() * 4);
      return true;
    };
    await closed;
    expect(child.signalCode).toBe('SIGKILL');
    expect(bench.result).toBeUndefined();
    const { size } = parseJournal(readFileSync(journal, 'utf8'))!.chunks;
    expect(size).toBeGreaterThanOrEqual(claimed);
    claimed = size;
  }
  expect(claimed).toBeGreaterThan(5);

  bench.hub.misbehave = () => false;
  bench.hub.servedBytes = 0;
  const chunks = [...parseJournal(readFileSync(journal, 'utf8'))!.chunks.keys()];
  const there = chunks.reduce(
    (sum, index) => sum + Math.min(chunkBytes, model.length - index * chunkBytes),
    0,
  );
  const child = startPull(model);
  await once(child, 'close');
  expect(child.exitCode).toBe(0);
  expect(bench.result!.equals(model)).toBe(true);
  expect(bench.hub.servedBytes).toBe(model.length - there + 4);
  expect(existsSync(journal)).toBe(false);
  expect(bench.listing).toEqual(['model.gguf']);
});
