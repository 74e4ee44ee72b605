import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TileThread } from '../../coordinator/files/tile-thread.ts';
import { openGgufAt } from '../../device-agent/node/open-gguf.ts';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { ModelFile } from '../../runtime/model/model-file.ts';
import { syntheticModel } from '../support/synthetic-model.ts';

const workerFile = join(packageRoot(), 'dist', 'coordinator', 'files', 'tile-worker.js');

async function modelOnDisk(): Promise<{ model: ModelFile; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-'));
  const path = join(folder, 'model.gguf');
  await writeFile(path, await syntheticModel({ type: 'Q4_0' }));
  const model = new ModelFile(await openGgufAt(path));
  onTestFinished(async () => {
    await model.close();
    await rm(folder, { recursive: true });
  });
  return { model, path };
}

function started(model: ModelFile, idleMs?: number): TileThread {
  const thread = new TileThread(model.place!, idleMs);
  onTestFinished(() => thread.close());
  return thread;
}

describe.skipIf(!existsSync(workerFile))('the thread that cuts tiles (needs a build)', () => {
  it('answers each question with its tile and the hash of that', async () => {
    const { model } = await modelOnDisk();
    const thread = started(model);
    const order = [...model.tiles].reverse();
    const tiles = await Promise.all(order.map((spec) => thread.cut(spec)));
    for (const [i, spec] of order.entries()) {
      const expected = await model.cutTile(spec);
      expect(tiles[i]!.bytes).toEqual(expected);
      expect([...tiles[i]!.hash]).toEqual([...nodeSha256(expected)]);
    }
  });

  it('ends when there is nothing to do, and comes back', async () => {
    const { model } = await modelOnDisk();
    const thread = started(model, 20);
    for (const spec of model.tiles.slice(0, 3)) {
      expect((await thread.cut(spec)).bytes).toEqual(await model.cutTile(spec));
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  });

  it('fails what is under way when it is closed', async () => {
    const { model } = await modelOnDisk();
    const thread = started(model);
    const asked = model.tiles.map((spec) => thread.cut(spec));
    const outcomes = Promise.allSettled(asked);
    await thread.close();
    expect((await outcomes).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    for (const outcome of await outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'THREAD_LOST' });
  });

  it('tells that the file was replaced', async () => {
    const { model, path } = await modelOnDisk();
    await writeFile(path, await syntheticModel({ type: 'Q4_0', seed: 2 }));
    const thread = started(model);
    for (const spec of model.tiles.slice(0, 2))
      await expect(thread.cut(spec)).rejects.toMatchObject({ code: 'FILE_READ_FAILED' });
  });
});
