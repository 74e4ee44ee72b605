import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { alone, controlBytes, SharedTeam, shareOf } from '../../runtime/threads/team.ts';

describe('shareOf', () => {
  test.each([
    [1, 5],
    [2, 19],
    [3, 2],
    [7, 100],
    [4, 0],
  ])('divides among %i threads %i things, each once and nearly evenly', (size, count) => {
    const shares = Array.from({ length: size }, (_, index) => shareOf({ ...alone, index, size }, count));
    const covered = shares.flatMap(([first, end]) =>
      Array.from({ length: end - first }, (_, i) => first + i),
    );
    expect(covered).toEqual(Array.from({ length: count }, (_, i) => i));
    const lengths = shares.map(([first, end]) => end - first);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  });
});

test('a follower that has died ends the leader’s wait with an error', () => {
  const control = new SharedArrayBuffer(controlBytes);
  new SharedTeam(control, 1, 2).fail();
  const leader = new SharedTeam(control, 0, 2);
  expect(() => leader.start()).toThrow(expect.objectContaining({ code: 'THREAD_LOST' }));
  expect(() => leader.barrier()).toThrow(expect.objectContaining({ code: 'THREAD_LOST' }));
});

test('a barrier is not passed by who was woken for nothing', async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('restless-worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  });
  const control = new SharedArrayBuffer(controlBytes);
  const came = new SharedArrayBuffer(4);
  const worker = new Worker(outputFiles[0]!.text, { eval: true, workerData: { control, came } });
  new SharedTeam(control, 0, 2).barrier();
  expect(Atomics.load(new Int32Array(came), 0)).toBe(1);
  await once(worker, 'exit');
});
